"""Lists for approximate search: made where they find enough of what real queries ask for, and never in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxrreport.retrieval import approximate
from cxrreport.retrieval.build import Base, Index, build, open_index
from cxrreport.retrieval.segment import Part
from cxrreport.retrieval.versions import SegmentManifest

MODEL, COUNT, DIM = "a" * 64, 6000, 16


def bank(count: int = COUNT, seed: int = 0) -> np.ndarray:
    """Unit vectors in groups, as reports lie."""
    centres = np.random.default_rng(9).normal(size=(40, DIM))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(40, size=count)] + 0.3 * random.normal(size=(count, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def part(vectors: np.ndarray, first: int = 0) -> Part:
    ids = np.arange(first, first + len(vectors))
    return Part(ids, ids, vectors)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approximate, "LEAST", 1000)
    monkeypatch.setattr(approximate, "_ROWS", 200)
    monkeypatch.setattr(approximate, "_PROBES", (1, 2, 4, 8, 16))


def publish(home: Path, *batches: dict[str, Part], exact_up_to: int | None = 5000, gone=None, erase=False) -> Index:
    serving = open_index(home)
    base = Base(serving, {"text": np.array(gone or [], np.int64)}, erase) if serving else None
    build(home, batches, model_sha256=MODEL, source={}, base=base, exact_up_to=exact_up_to)
    opened = open_index(home)
    assert opened is not None
    return opened


def first(index: Index) -> SegmentManifest:
    return index.manifest.spaces["text"].segments[0]


def exact(vectors: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :count]


def share(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean([len({*a} & {*b}) / len(b) for a, b in zip(found.tolist(), expected.tolist(), strict=True)]))


def test_what_is_found_is_as_measured_in_the_order_of_exact_scores(tmp_path: Path) -> None:
    vectors, queries = bank(), bank(300, seed=1)
    index = publish(tmp_path, {"text": part(vectors), "image": part(bank(200, seed=2))})
    lists = first(index)
    assert lists.recall >= 0.99 and 1 <= lists.probes < 16 and lists.near_sha256
    scores, ids = index.text.search(queries, 21)
    assert share(ids, exact(vectors, queries, 21)) > 0.97
    assert np.allclose(scores, np.take_along_axis(queries @ vectors.T, ids, axis=1), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert (index.text.search(queries[7:8], 21)[1][0] == ids[7]).all()  # whatever else is asked
    deep = index.text.search(queries[:3], 2000)[1]  # where lists would find too few
    assert share(deep, exact(vectors, queries[:3], 2000)) > 0.999


def test_ties_among_what_is_found_come_by_id(tmp_path: Path) -> None:
    vectors = np.repeat(bank(COUNT // 10), 10, axis=0)
    index = publish(tmp_path, {"text": part(vectors), "image": part(bank(200, seed=2))})
    found = index.text.search(bank(20, seed=3), 21)[1]
    assert first(index).near_sha256
    assert (np.sort(found[:, :10]) == found[:, :10]).all() and (found[:, :10] // 10 == found[:, :1] // 10).all()


def test_marked_reports_are_not_found_and_new_ones_are(tmp_path: Path) -> None:
    vectors, new = bank(), bank(50, seed=5)
    before = publish(tmp_path, {"text": part(vectors), "image": part(bank(200, seed=2))})
    best = before.text.search(new, 3)[1]
    index = publish(tmp_path, {"text": part(new, COUNT)}, gone=best.ravel().tolist())
    assert first(index).near_sha256 == first(before).near_sha256  # nothing is learnt again
    assert len(index.manifest.spaces["text"].segments) == 2
    found = index.text.search(new, 21)[1]
    assert not np.isin(found, best).any() and (found[:, 0] == np.arange(COUNT, COUNT + 50)).all()
    assert (np.sort(index.text.search(new, 200)[1]) >= 0).all()


@pytest.mark.parametrize("why", ["few", "no films", "lists that find too little"])
def test_search_stays_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(approximate, "_PROBES", (1,) if "lists" in why else approximate._PROBES)
    vectors, queries = bank(), bank(50, seed=1)
    films = {} if why == "no films" else {"image": part(bank(200, seed=2))}
    index = publish(tmp_path, {"text": part(vectors), **films}, exact_up_to=COUNT if why == "few" else 5000)
    assert not first(index).near_sha256 and not [*tmp_path.rglob("*.faiss")]
    assert (index.text.search(queries, 21)[1] == exact(vectors, queries, 21)).all()
    if "lists" in why:
        assert 0 < first(index).recall < 0.99  # told, and not tried again every night
        monkeypatch.setattr(approximate, "_make", None)
        publish(tmp_path, {"text": part(bank(5, seed=7), COUNT)})
        assert not approximate.lists_differ(index.manifest.spaces, 5000)


def test_whether_lists_differ_is_whether_another_version_would_bring_or_drop_them(tmp_path: Path) -> None:
    def differ(index: Index, exact_up_to: int | None) -> bool:
        return approximate.lists_differ(index.manifest.spaces, exact_up_to)

    alone = publish(tmp_path, {"text": part(bank())})
    assert not differ(alone, 5000)  # there are no films to ask with
    exact = publish(tmp_path, {"image": part(bank(200, seed=2))}, exact_up_to=None)
    assert [differ(exact, bound) for bound in (5000, COUNT, None)] == [True, False, False]
    listed = publish(tmp_path)
    assert first(listed).near_sha256
    assert [differ(listed, bound) for bound in (5000, COUNT, None)] == [False, True, False]
    assert not differ(publish(tmp_path, exact_up_to=COUNT), COUNT)


def test_films_that_come_later_bring_the_lists_and_a_higher_bound_takes_them_away(tmp_path: Path) -> None:
    publish(tmp_path, {"text": part(bank())})
    with_films = publish(tmp_path, {"image": part(bank(200, seed=2))})
    assert first(with_films).near_sha256
    kept = publish(tmp_path, {"text": part(bank(5, seed=7), COUNT)}, exact_up_to=None)
    assert first(kept).near_sha256 == first(with_films).near_sha256
    assert not first(publish(tmp_path, {"text": part(bank(5, seed=8), COUNT + 5)}, exact_up_to=10**6)).near_sha256


def test_the_same_vectors_give_the_same_lists(tmp_path: Path) -> None:
    batch = {"text": part(bank()), "image": part(bank(200, seed=2))}
    assert first(publish(tmp_path / "a", batch)).near_sha256 == first(publish(tmp_path / "b", batch)).near_sha256


def test_an_erased_report_leaves_the_lists_too(tmp_path: Path) -> None:
    publish(tmp_path, {"text": part(bank()), "image": part(bank(200, seed=2))})
    index = publish(tmp_path, gone=[17], erase=True)
    (segment,) = index.manifest.spaces["text"].segments
    assert segment.count == COUNT - 1 and segment.near_sha256
    assert not np.isin(17, index.text.search(bank()[17:18], 200)[1])
