"""What free clinical notes tell of two films: findings of both, and the course where the words of the later one agree."""

from __future__ import annotations

import re

import numpy as np

from cxrreport.datasets.pairs.sample import IMPROVED, UNCHANGED, UNTOLD, WORSENED, Truth
from cxrreport.findings import FINDINGS, State
from cxrreport.reports.labels import label, mentions

_TELLS = (State.POSITIVE, State.NEGATIVE)
_WORDS = {
    WORSENED: re.compile(r"\b(?:worse\w*|increas\w*|progress\w*|enlarg\w*|deteriorat\w*)", re.IGNORECASE),
    UNCHANGED: re.compile(r"\b(?:stable|unchanged|no (?:\w+ )?change)", re.IGNORECASE),
    IMPROVED: re.compile(r"\b(?:improv\w*|decreas\w*|resol[vu]\w*|regress\w*|clearing)", re.IGNORECASE),
}
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
    found = set()
    for start, end in {m.sentence for m in mentions(notes) if m.finding == finding and m.state is State.POSITIVE}:
        sentence = notes[start:end]
        if not _FAR.search(sentence):
            found |= {course for course, words in _WORDS.items() if words.search(sentence)}
    return found.pop() if len(found) == 1 else UNTOLD
