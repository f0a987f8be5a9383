"""Due studies in chunks: what a drafting process gets at once, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from cxrreport.drafts import Draft
from cxrreport.pipeline.due import DueRow, read_due
from cxrreport.records import Due, Failure
from cxrreport.reports.language import is_english_report
from cxrreport.store import attempts
from cxrreport.store.heard import Signed, States, drafted_states, signed_findings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cxrreport.clock import Spent
    from cxrreport.pipeline.run import Run

_BATCHES = 2  # of a chunk: the films of one are read while another is drafted
_MOST = 8  # batches of one patient's studies in one chunk


@dataclass(frozen=True, slots=True)
class Chunk:
    """Due studies, those of a patient in order, and what the archive knows of their priors, by study id.

    signed : reports. drafted : findings of the drafts that stand.
    """

    due: tuple[Due, ...]
    signed: Mapping[int, Signed]
    drafted: Mapping[int, States]

    @property
    def ids(self) -> list[int]:
        """Of the studies."""
        return [due.pair.study.id for due in self.due]


@dataclass(slots=True)
class Outcome:
    """What came of a chunk. A study of which nothing was made is left for the next run.

    made : of a study each. digests : of pixels, by image id. pages : ids of images that are pages of text. halved : batches
    that did not fit the GPU. spent : by stage. wall_s : that the chunk was in work.
    """

    made: list[Draft | Failure] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    halved: int = 0
    spent: Spent = field(default_factory=dict)
    wall_s: float = 0.0


class Plan(NamedTuple):
    """Ids and attempts of due studies, a chunk each.

    free : in any order and side by side. in_turn : one after another, for what comes of one is heard by the next.
    """

    free: list[list[DueRow]]
    in_turn: list[list[DueRow]]


def plan(due: Sequence[DueRow], batch_size: int, drafters: int = 1) -> Plan:
    """Put whole patients into chunks of about two batches, or a little less so that all drafters end at about the same time.

    The studies of a patient of whom one has cost a run before come one by one, so that it takes none along; so many of one
    patient that the others would wait for their chunk come in several.
    """
    found, chunk, least = Plan([], []), list[DueRow](), _least(len(due), _BATCHES * batch_size, drafters)
    for _, patient in groupby(due, attrgetter("patient_id")):
        studies = list(patient)
        if any(study.attempts for study in studies):
            found.in_turn.extend([study] for study in studies)
        elif len(studies) > _MOST * batch_size:
            found.in_turn.extend(_cut(studies, _BATCHES * batch_size))
        else:
            chunk += studies
            if len(chunk) >= least:
                found.free.append(chunk)
                chunk = []
    return Plan([*found.free, chunk] if chunk else found.free, found.in_turn)


def _least(due: int, most: int, drafters: int) -> int:
    """Studies of a chunk, so that as many chunks come to each drafter."""
    rounds = -(-due // (most * drafters))
    return -(-due // max(1, rounds * drafters))


def _cut(studies: Sequence[DueRow], size: int) -> Iterator[list[DueRow]]:
    return (list(studies[i : i + size]) for i in range(0, len(studies), size))


def open_chunk(s: Session, run: Run, studies: Sequence[DueRow]) -> Chunk:
    """Count the attempts, before the work; read the studies, and what is known of their priors."""
    due = read_due(s, studies)
    ids = [item.pair.study.id for item in due]
    priors = {p.prior.id: p.study.studied_at for p in (item.pair for item in due) if p.prior}
    if not any(item.attempts for item in due):
        attempts.clear_failures(s, ids)  # `--redo all` gives quarantined studies another chance
    attempts.claim(s, run.id, ids)
    signed = _in_english(signed_findings(s, priors))
    return Chunk(tuple(due), signed, drafted_states(s, priors, shadow=run.settings.shadow))


def _in_english(signed: dict[int, Signed]) -> dict[int, Signed]:
    """A report in another language tells the network and the rules nothing that could be trusted."""
    return {
        study_id: report
        for study_id, report in signed.items()
        if is_english_report(report.findings, report.impression) is not False
    }
