"""A sentence without the words that have no licence: a side, a severity, a place, a cause, a comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cxrreport.drafting.known import Known
from cxrreport.drafting.licences import DETAILS, TAILS
from cxrreport.findings import State
from cxrreport.reports.claims import Sentence, Text, read
from cxrreport.reports.comparison import mend_articles, strip_comparison
from cxrreport.reports.qualifiers import find_words

_LEAD = re.compile(r"[\s,;(]*(?:\b(?:which|that|and|is|are|with|most|likely|probably|may|could|its|the|as)\b\s*)*$")


def shorter(text: str, known: Known) -> Iterator[Text]:
    """One sentence, ever shorter: without its tail, then without details, then without its comparison."""
    for cut in (_without_tail, _without_details, lambda said, _: strip_comparison(said)):
        said = read(text)
        if not said.sentences:
            return
        text = _tidy(cut(text, known))
        yield read(text)


def _without_tail(text: str, _: Known) -> str:
    starts = [one.start for one in read(text).sentences[0].specifics if one.kind in TAILS]
    if not starts:
        return text
    kept = text[: min(starts)]
    lead = _LEAD.search(kept)
    return kept[: lead.start()] if lead else kept


def _without_details(text: str, known: Known) -> str:
    """Without severities and details of what is asserted, and without sides that no region shows."""
    for sentence in read(text).sentences:
        for start, end in sorted(_details(text, sentence, known), reverse=True):
            text = text[:start] + text[end:]
    return text


def _details(text: str, sentence: Sentence, known: Known) -> set[tuple[int, int]]:
    asserted = [claim for claim in sentence.claims if claim.state is not State.NEGATIVE]
    if not asserted:
        return set()
    found = {(one.start, one.end) for one in sentence.specifics if one.kind in DETAILS}
    licensed = all(claim.side in (None, known.sides.get(claim.finding)) for claim in asserted)
    words = [word for word in find_words(text.lower()) if sentence.start <= word.start < sentence.end]
    found |= {(w.start, w.end) for w in words if w.meaning.severity is not None or (w.meaning.side and not licensed)}
    apart = {span for span in found if not any(o != span and o[0] <= span[0] and span[1] <= o[1] for o in found)}
    return apart


def _tidy(text: str) -> str:
    """Spaces, commas, articles, the capital and the full stop as they belong."""
    text = re.sub(r"\s+(?=[.,;])|,(?=\s*[.;,])", "", re.sub(r"\s+", " ", text)).strip(" ,;.")
    text = re.sub(r"^(?:to|and|or|of)\s+", "", mend_articles(text))
    return f"{text[:1].upper()}{text[1:]}." if text else ""
