"""A network that knows what was drawn, as far as a test lets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cxrreport.findings import FINDINGS, NO_FINDING, State


def let_know(patch: pytest.MonkeyPatch, truth: Callable[[str], set[str]]) -> None:
    """Have every study that is drafted read as `truth` says of its accession number: the findings that are there."""
    from cxrreport.drafting.compose import Composer

    read = Composer._read

    def knowing(self: Any, exams: Any) -> None:
        read(self, exams)
        for exam in exams:
            exam.states = replace(exam.states, **_states(truth(exam.study.accession)))

    patch.setattr(Composer, "_read", knowing)


def _states(there: set[str]) -> Mapping[str, Any]:
    found = [name in there for name in FINDINGS]
    found[NO_FINDING] = not there
    likely = tuple(0.9 if one else 0.05 for one in found)
    states = tuple(State.POSITIVE if one else State.NEGATIVE for one in found)
    return {"states": states, "probabilities": likely, "scores": likely, "valid": True}
