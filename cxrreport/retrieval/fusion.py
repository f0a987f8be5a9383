"""Which spaces a retriever searches, and how their ranks become one list."""

from __future__ import annotations

from collections.abc import Sequence

# retriever -> spaces of the index: texts, films of the reports' own studies, or REVTAF's hyperbolic points of those
RETRIEVERS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "image": ("image",),
    "fused": ("text", "image"),
    "hyperbolic": ("hyperbolic",),
}
_DAMPING = 60  # Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, SIGIR 2009

Ranked = list[tuple[int, float]]  # report id and score, the best first


def fuse(lists: Sequence[Ranked]) -> Ranked:
    """Merge ranked lists by reciprocal rank; a list alone stays as it is, with its own scores.

    The score of a report is the sum of 1 / (60 + rank) over the lists that hold it; equal ones come by id.
    """
    if len(lists) == 1:
        return lists[0]
    scores: dict[int, float] = {}
    for ranked in lists:
        for rank, (report_id, _) in enumerate(ranked, start=1):
            scores[report_id] = scores.get(report_id, 0) + 1 / (_DAMPING + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
