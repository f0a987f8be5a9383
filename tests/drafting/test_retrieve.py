"""Ranks of several spaces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxrreport.drafting import retrieve as retrieving
from cxrreport.retrieval.build import build, open_index
from cxrreport.retrieval.segment import Part


@pytest.fixture
def retriever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a retriever over two spaces of unit vectors at given angles, without a database."""
    monkeypatch.setattr(retrieving.reports, "allowed", lambda s, study, ids, undated: set(ids))
    monkeypatch.setattr(retrieving.reports, "findings_of", lambda s, ids: {})
    monkeypatch.setattr(retrieving, "transact", lambda engine, work, read_only: work(None))

    def make(name: str, count: int, exact_up_to: int | None = None, **angles: list[float]):
        spaces = {}
        for space, degrees in angles.items():
            radians = np.radians(degrees)
            ids = np.arange(len(degrees))
            spaces[space] = Part(ids, ids, np.stack([np.cos(radians), np.sin(radians)], 1).astype(np.float32))
        build(tmp_path, [spaces], model_sha256="a" * 64, source={}, exact_up_to=exact_up_to)
        return retrieving.Retriever(None, open_index(tmp_path), name, count, 2, False)

    return make


EAST = np.array([[1, 0]], np.float32)


def found(retriever, **queries) -> list[int]:
    return [number for number, _ in retriever.retrieve([object()], queries)[0].ranked]


def test_a_report_second_in_both_lists_beats_the_first_of_one(retriever) -> None:
    """Though only one is kept: the lists must reach deeper than that."""
    fused = retriever("fused", 1, text=[0, 5, 80, 85], image=[85, 5, 0, 80])
    assert found(fused, text=EAST, image=EAST) == [1]


def test_what_cannot_be_searched_is_not_claimed(retriever) -> None:
    assert retriever("fused", 1, text=[0]).name == "text"
    assert retriever("fused", 1, text=[0], image=[0]).name == "fused"


def test_what_may_not_be_seen_is_passed_over_however_deep_though_lists_are_searched(
    retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answers come from lists; beyond them search is exact, and the first that may be seen is found."""
    for name, value in {"LEAST": 100, "_ROWS": 100}.items():
        monkeypatch.setattr(f"cxrreport.retrieval.approximate.{name}", value)
    angles = [number * 0.05 for number in range(3000)]
    made = retriever("text", 2, exact_up_to=1000, text=angles, image=angles[::20])
    assert made._index.manifest.spaces["text"].segments[0].near_sha256
    for first in (0, 3, 50, 2500):
        monkeypatch.setattr(
            retrieving.reports, "allowed", lambda s, study, ids, undated, first=first: {i for i in ids if i >= first}
        )
        assert found(made, text=EAST) == [first, first + 1]
