"""How sure each sentence of a draft is: what the classifier, the beams and the registration say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxrreport.drafting.known import Known
from cxrreport.findings import State
from cxrreport.model.drafter import NetworkDraft
from cxrreport.reports.claims import Text, read
from cxrreport.reports.labels import strongest
from cxrreport.reports.summaries import summaries

_UNTOLD = 0.5  # a doubt is neither borne out nor refuted; so is a prior's place that nothing tells


def beam_states(draft: NetworkDraft) -> list[dict[str, State]]:
    """What each beam says of the findings, one by one or summed up."""
    return [states_told(read(text)) for text in (draft.text, *(other.text for other in draft.others))]


def states_told(text: Text) -> dict[str, State]:
    """State of each finding of which a text tells, one by one or summed up."""
    found = (covered for sentence in text for _, covered in summaries(text.string, sentence))
    summed_up = [(finding, State.NEGATIVE) for covered in found for finding in covered]
    return strongest([*text.states.items(), *summed_up])


def confidence(findings: Sequence[str], known: Known, beams: Sequence[Mapping[str, State]], *, compares: bool) -> float:
    """Confidence of a sentence, 0..1: that of the least sure of the findings that it rests on.

    Of one finding it is p (1 + a) / 2 with p the calibrated probability of its state and a the share of the beams that say
    that state. A comparison counts the probability of the change and the quality of the registration besides.
    """
    return min((_of(finding, known, beams, compares) for finding in findings), default=_UNTOLD)


def _of(finding: str, known: Known, beams: Sequence[Mapping[str, State]], compares: bool) -> float:
    row = known.rows[finding]
    likely = {State.POSITIVE: row.probability, State.NEGATIVE: 1 - row.probability}.get(row.state, _UNTOLD)
    agreed = sum(beam.get(finding) is row.state for beam in beams) / max(len(beams), 1)
    sure = likely * (1 + agreed) / 2
    if compares and row.change_probability is not None:
        sure *= row.change_probability * (_UNTOLD if known.quality is None else known.quality)
    return min(max(sure, 0.0), 1.0)
