"""What free clinical notes tell of two images: findings of both, and the progression where the words of the later one agree."""

from __future__ import annotations

import re

import numpy as np

from cxrreport.datasets.pairs.sample import IMPROVED, UNCHANGED, UNSTATED, WORSENED, Truth
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.reports.claims import read
from cxrreport.reports.labels import label

_KNOWN = (State.POSITIVE, State.NEGATIVE)
_PROGRESSIONS = {
    Change.WORSENED: WORSENED, Change.UNCHANGED: UNCHANGED, Change.IMPROVED: IMPROVED, Change.RESOLVED: IMPROVED,
}  # fmt: skip
_FAR = re.compile(
    r"\b(?:fever|dyspn\w*|cough|saturation|oxygen|protein|count|level|white|lymph\w*|CRP)\b", re.IGNORECASE
)


def truth_in_notes(before: str, now: str) -> Truth:
    """Truth of a pair from the notes of its images; what either does not assert or deny is not known.

    "no finding" is never known: notes do not set out to describe the whole image.
    """
    earlier, later = label(before), label(now)
    known = np.array([earlier[f] in _KNOWN and later[f] in _KNOWN for f in FINDINGS[:-1]] + [False])
    was, there = (np.array([states[f] is State.POSITIVE for f in FINDINGS]) for states in (earlier, later))
    was, there = was & known, there & known
    progression = [progression_in(now, f) if both else UNSTATED for f, both in zip(FINDINGS, was & there)]
    return Truth(there, was, known, np.array(progression, np.int64))


def progression_in(notes: str, finding: str) -> int:
    """Progression of a finding from the sentences that name it; unknown where they tell none, or more than one.

    A sentence that also speaks of symptoms or laboratory values is passed over: what got worse may be those.
    """
    near = (sentence for sentence in read(notes) if not _FAR.search(notes, sentence.start, sentence.end))
    claims = (claim for sentence in near for claim in sentence.claims)
    changes = {c.change for c in claims if c.finding == finding and c.state is State.POSITIVE}
    found = {_PROGRESSIONS[change] for change in changes if change in _PROGRESSIONS}
    return found.pop() if len(found) == 1 else UNSTATED
