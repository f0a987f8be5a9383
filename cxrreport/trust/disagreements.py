"""The drafts to look at first: what was drafted beside what was signed, with the words in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from cxrreport.drafts import Span
from cxrreport.evaluation.mistakes import Key
from cxrreport.findings import OTHER
from cxrreport.mistakes import Disagreement, Verdict
from cxrreport.reports.claims import Claim, read
from cxrreport.settings import Settings
from cxrreport.store.agreement import judged_beside
from cxrreport.store.engine import open_archive, session

TEXT = "text"  # the one section of these spans


def disagreements(settings: Settings, worst: Sequence[Mapping[str, Any]]) -> Iterator[Disagreement]:
    """Read the texts of `worst`; what is judged no longer is passed over."""
    with open_archive(settings, read_only=True) as engine:
        for row in worst:
            with session(engine, read_only=True) as s:
                told = judged_beside(s, row["draft"])
            if told:
                wrong = _wrong(row)
                signed = told.signed.text
                yield Disagreement(row, told.text, signed, spans(told.text, wrong), spans(signed, wrong))


def _wrong(row: Mapping[str, Any]) -> set[Key]:
    return {(one["finding"], one["name"]) for one in row["findings"] if one["verdict"] != Verdict.CORRECT}


def spans(text: str, keys: Set[Key]) -> tuple[Span, ...]:
    """Where a text speaks of these findings, with the words of change, side and severity that belong to them."""
    claims = (claim for sentence in read(text) for claim in sentence.claims)
    return tuple(_span(claim) for claim in claims if (claim.finding, _name(claim)) in keys)


def _name(claim: Claim) -> str:
    return claim.name if claim.finding == OTHER else ""


def _span(claim: Claim) -> Span:
    start = min(claim.start, *(word.start for word in claim.words), claim.end)
    end = max(claim.end, *(word.end for word in claim.words), claim.start)
    return Span(TEXT, start, end, "flag", claim.name or claim.finding)
