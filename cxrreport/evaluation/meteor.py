"""METEOR 1.5 by pycocoevalcap, which runs its authors' Java program: measured where both are at hand."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence


def score_meteor(rows: Mapping[str, Sequence[str]], references: Sequence[str]) -> tuple[dict[str, float], str]:
    """METEOR (0..1) of each row of texts with one reference a text, and what measured it, or why nothing did."""
    try:
        from pycocoevalcap.meteor.meteor import Meteor
    except ImportError:
        return {}, "not measured: METEOR comes with the extra cxrreport[meteor]"
    if shutil.which("java") is None:
        return {}, "not measured: METEOR needs Java"
    program, truth = Meteor(), {i: [_line(text)] for i, text in enumerate(references)}
    try:
        found = {n: program.compute_score(truth, {i: [_line(t)] for i, t in enumerate(ts)}) for n, ts in rows.items()}
    except (OSError, ValueError):  # it has ended, for want of memory perhaps
        return {}, "not measured: the METEOR program has ended"
    finally:
        if program.lock.locked():  # an error leaves it so, and the end of the object would wait for it forever
            program.lock.release()
    return {name: float(score) for name, (score, _) in found.items()}, "meteor-1.5"


def _line(text: str) -> str:
    """One line without the separator of the program."""
    return " ".join(text.replace("|||", "").split())
