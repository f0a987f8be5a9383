"""What free clinical notes tell of two films: findings of both, and the course where the words of the later one agree."""

from __future__ import annotations

import re

import numpy as np

from cxrreport.datasets.pairs.sample import IMPROVED, UNCHANGED, UNTOLD, WORSENED, Truth
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.reports.claims import read
from cxrreport.reports.labels import label

_TELLS = (State.POSITIVE, State.NEGATIVE)
_COURSES = {
    Change.WORSENED: WORSENED, Change.UNCHANGED: UNCHANGED, Change.IMPROVED: IMPROVED, Change.RESOLVED: IMPROVED,
}  # fmt: skip
_FAR = re.compile(
    r"\b(?:fever|dyspn\w*|cough|saturation|oxygen|protein|count|level|white|lymph\w*|CRP)\b", re.IGNORECASE
)


def told_by(before: str, now: str) -> Truth:
    """Truth of a pair from the notes of its films; what either does not assert or deny is not known.

    "no finding" is never known: notes do not set out to describe the whole film.
    """
    earlier, later = label(before), label(now)
    known = np.array([earlier[f] in _TELLS and later[f] in _TELLS for f in FINDINGS[:-1]] + [False])
    was, there = (np.array([states[f] is State.POSITIVE for f in FINDINGS]) for states in (earlier, later))
    was, there = was & known, there & known
    course = [course_in(now, f) if both else UNTOLD for f, both in zip(FINDINGS, was & there)]
    return Truth(there, was, known, np.array(course, np.int64))


def course_in(notes: str, finding: str) -> int:
    """Course of a finding from the sentences that name it; untold where they tell none, or more than one.

    A sentence that also speaks of symptoms or laboratory values is passed over: what got worse may be those.
    """
    near = (sentence for sentence in read(notes) if not _FAR.search(notes, sentence.start, sentence.end))
    claims = (claim for sentence in near for claim in sentence.claims)
    changes = {c.change for c in claims if c.finding == finding and c.state is State.POSITIVE}
    found = {_COURSES[change] for change in changes if change in _COURSES}
    return found.pop() if len(found) == 1 else UNTOLD
