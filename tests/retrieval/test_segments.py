"""Versions that share what has not changed: the same answers as one that was written whole, and no trace of what is erased."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.retrieval import index as spaces
from cxrreport.retrieval import segment as segments
from cxrreport.retrieval.build import Base, Index, build, open_index
from cxrreport.retrieval.removal import remove_reports, versions_with
from cxrreport.retrieval.segment import Part
from cxrreport.retrieval.versions import IndexManifest, list_versions, roll_back, verify

MODEL = "a" * 64
DIM = 8


def vectors_of(ids: Iterable[int], edition: int = 0) -> np.ndarray:
    """What each report says in an edition, as a vector; of ten reports two read alike."""
    rows = [
        np.random.default_rng([number // 2 if number % 10 == 0 else number, edition]).normal(size=DIM) for number in ids
    ]
    vectors = np.array(rows, np.float32).reshape(-1, DIM)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def part(ids: Iterable[int], edition: int = 0) -> Part:
    numbers = np.array([*ids], np.int64)
    return Part(numbers, numbers * 100 + edition, vectors_of(numbers, edition))


def publish(
    home: Path, *parts: Part, gone: Iterable[int] = (), anew: bool = False, erase: bool = False
) -> tuple[IndexManifest, Index]:
    serving = None if anew else open_index(home)
    base = Base(serving, {"text": np.array([*gone], np.int64)}, erase) if serving else None
    made = build(home, [{"text": one} for one in parts], model_sha256=MODEL, source={}, keep=9, base=base)
    opened = open_index(home)
    assert opened is not None
    return made, opened


def inodes(home: Path, made: IndexManifest) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (home / made.version).glob("*.npy")}


def test_a_search_makes_no_tables_of_all_reports(tmp_path: Path) -> None:
    """Every drafting process has its own; what is mapped is shared."""
    _, opened = publish(tmp_path, part(range(3)), Part(*[np.arange(3, 50_000)] * 2, np.ones((49_997, DIM), np.float32)))
    tracemalloc.start()
    try:
        opened = open_index(tmp_path)
        opened.text.search(vectors_of([2]), 5)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 2 * 50_000  # whether a row still holds takes a byte


def test_what_is_added_is_written_and_nothing_else(tmp_path: Path) -> None:
    first, _ = publish(tmp_path, part(range(100)))
    second, opened = publish(tmp_path, part(range(100, 110)), part([7], edition=1), gone=[3])
    before, after = inodes(tmp_path, first), inodes(tmp_path, second)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"text-0.gone.npy", "text-1.vectors.npy", "text-1.rows.npy"}
    assert opened.text.ids.tolist() == sorted({*range(110)} - {3})
    assert dict(zip(opened.text.ids.tolist(), opened.text.digests.tolist()))[7] == 701
    assert (
        opened.text.vectors(np.array([105, 7, 8]))
        == np.concatenate([vectors_of([105]), vectors_of([7], 1), vectors_of([8])])
    ).all()
    assert opened.text.search(vectors_of([7], 1), 1)[1].tolist() == [[7]]
    assert 3 not in opened.text.search(vectors_of([3]), 109)[1]
    roll_back(tmp_path, MODEL)
    assert open_index(tmp_path).text.search(vectors_of([3, 7]), 1)[1].ravel().tolist() == [3, 7]


def test_nightly_additions_leave_few_segments_and_write_little(tmp_path: Path) -> None:
    publish(tmp_path, part(range(2000)))
    written, seen = 0, set(inodes(tmp_path, list_versions(tmp_path)[0]).values())
    for night in range(40):
        made, opened = publish(tmp_path, part(range(2000 + 5 * night, 2005 + 5 * night)))
        new = {path for path in (tmp_path / made.version).glob("*.vectors.npy") if path.stat().st_ino not in seen}
        written += sum(len(np.load(path)) for path in new)
        seen |= {path.stat().st_ino for path in new}
    assert opened.text.ids.tolist() == [*range(2200)]
    assert len(made.spaces["text"].segments) <= 6  # 2 to this power is more than 40 nights
    assert written < 6 * 200 + 100  # each report a few times, the 2,000 never


def test_a_worn_segment_is_written_without_what_is_gone(tmp_path: Path) -> None:
    publish(tmp_path, part(range(100)))
    marked, _ = publish(tmp_path, gone=range(20))
    assert (marked.spaces["text"].segments[0].count, marked.spaces["text"].segments[0].gone) == (100, 20)
    anew, opened = publish(tmp_path, gone=[20])
    assert [(one.number, one.count, one.gone) for one in anew.spaces["text"].segments] == [(1, 79, 0)]
    assert opened.text.ids.tolist() == [*range(21, 100)]


def test_an_erased_report_is_in_no_file_even_where_it_was_marked_before(tmp_path: Path) -> None:
    first, _ = publish(tmp_path, part(range(100)))
    publish(tmp_path, part(range(100, 110)))
    publish(tmp_path, gone=[105])
    secret = vectors_of([105]).tobytes()
    assert any(secret in path.read_bytes() for path in tmp_path.rglob("*.npy"))
    assert len(versions_with(tmp_path, [105])) == 2 and versions_with(tmp_path, [5000]) == []
    assert len(remove_reports(tmp_path, [105])) == 2
    assert not any(secret in path.read_bytes() for path in tmp_path.rglob("*.npy"))
    assert versions_with(tmp_path, [105]) == []
    left, older = list_versions(tmp_path)
    assert older == first and verify(tmp_path, left.version) == left and left.count == 109
    assert (
        inodes(tmp_path, left)["text-0.rows.npy"] == inodes(tmp_path, first)["text-0.rows.npy"]
    )  # which never knew it


def test_segments_are_full_at_a_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "FULL", 30)
    made, opened = publish(tmp_path, part(range(70)), part(range(70, 100)))
    assert [one.count for one in made.spaces["text"].segments] == [30, 30, 30, 10]
    assert opened.text.search(vectors_of([1, 45, 99]), 1)[1].ravel().tolist() == [1, 45, 99]
    whole = inodes(tmp_path, made)
    later, _ = publish(tmp_path, part(range(100, 125)))
    assert [one.count for one in later.spaces["text"].segments] == [30, 30, 30, 30, 5]
    assert all(inodes(tmp_path, later)[f"text-{n}.vectors.npy"] == whole[f"text-{n}.vectors.npy"] for n in range(3))


def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = publish(tmp_path, part(range(50)))
    monkeypatch.setattr(segments.os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links here")))
    second, opened = publish(tmp_path, part([50]))
    assert opened.text.ids.tolist() == [*range(51)]
    assert inodes(tmp_path, first)["text-0.rows.npy"] != inodes(tmp_path, second)["text-0.rows.npy"]


def test_a_space_that_loses_all_its_reports_is_no_more(tmp_path: Path) -> None:
    batch = {"text": part(range(10)), "image": part(range(3))}
    build(tmp_path, [batch], model_sha256=MODEL, source={})
    base = Base(open_index(tmp_path), {"image": np.arange(3)})
    assert set(build(tmp_path, [], model_sha256=MODEL, source={}, base=base).spaces) == {"text"}


_night = st.tuples(st.lists(st.integers(0, 60), max_size=30, unique=True), st.lists(st.integers(0, 60), max_size=20))


@given(nights=st.lists(_night, min_size=1, max_size=6), wanted=st.integers(1, 70), full=st.sampled_from([7, 1000]))
@settings(max_examples=25, deadline=None)
def test_any_history_gives_the_answers_of_one_build(tmp_path_factory, nights, wanted, full) -> None:
    home, whole = tmp_path_factory.mktemp("index"), tmp_path_factory.mktemp("whole")
    held = {0: 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spaces, "FULL", full)
        _, opened = publish(home, part([0]))
        for edition, (added, gone) in enumerate(nights, start=1):
            held = {number: old for number, old in held.items() if number not in gone or number == 0}
            held |= dict.fromkeys(added, edition)
            _, opened = publish(home, part(added, edition), gone={*gone} - {0})
    publish(whole, *(part([number], edition) for number, edition in held.items()))
    assert opened.text.ids.tolist() == sorted(held)
    assert opened.text.digests.tolist() == [number * 100 + held[number] for number in sorted(held)]
    expected = open_index(whole).text.search(vectors_of(range(5)), wanted)
    for ours, theirs in zip(opened.text.search(vectors_of(range(5)), wanted), expected, strict=True):
        assert (ours == theirs).all()
