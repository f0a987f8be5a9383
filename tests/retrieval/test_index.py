import json
import resource
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.errors import IndexFitError, LockedError, ModelOutputError, StorageError
from cxrreport.retrieval import publish
from cxrreport.retrieval.build import build, content_digest, open_index, open_serving
from cxrreport.retrieval.segment import Part
from cxrreport.retrieval.versions import list_versions, roll_back

MODEL = "a" * 64
ONE = np.array([1])


def _vectors(count, dim=16, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _batches(vectors, ids=None, size=40):
    ids = np.arange(100, 100 + len(vectors)) if ids is None else np.asarray(ids)
    for start in range(0, len(vectors), size):
        chunk = ids[start : start + size].astype(np.int64)
        yield {"text": Part(chunk, digests(chunk), vectors[start : start + size])}


def digests(ids):
    return np.array([content_digest(f"text of report {number}") for number in ids], np.int64)


def _build(home, vectors, ids=None, model=MODEL, keep=3):
    return build(home, _batches(vectors, ids), model_sha256=model, source={"reports": len(vectors)}, keep=keep)


def test_ties_come_by_id_whatever_the_batch(tmp_path):
    vectors = np.repeat(_vectors(3), 80, axis=0)  # many reports read alike, word for word
    ids = np.random.default_rng(2).permutation(len(vectors))
    _build(tmp_path, vectors, ids)
    index = open_index(tmp_path).text
    queries = _vectors(7, seed=3)
    scores, found = index.search(queries, 50)
    for row, query in enumerate(queries):
        alone_scores, alone = index.search(query[None], 50)
        assert (alone[0] == found[row]).all() and (alone_scores[0] == scores[row]).all()
        best = np.argmax(vectors @ query) // 80
        assert found[row].tolist() == sorted(ids[best * 80 : best * 80 + 80])[:50]


@given(count=st.integers(1, 60), wanted=st.integers(1, 70), seed=st.integers(0, 99), asked=st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_every_report_once_the_best_first_and_padding_after(tmp_path_factory, count, wanted, seed, asked):
    home, vectors, queries = tmp_path_factory.mktemp("index"), _vectors(count, 4, seed), _vectors(asked, 4, seed + 1)
    _build(home, vectors)
    scores, ids = open_index(home).text.search(queries, wanted)
    assert scores.shape == ids.shape == (asked, wanted)
    known = min(count, wanted)
    assert np.allclose(scores[:, :known], -np.sort(-queries @ vectors.T, axis=1)[:, :known], atol=1e-6)
    assert (np.diff(scores[:, :known], axis=1) <= 0).all()
    assert all(len(set(row[:known])) == known for row in ids) and (ids[:, :known] >= 100).all()
    assert (ids[:, known:] == -1).all() and np.isneginf(scores[:, known:]).all()


def test_bad_queries_are_refused(tmp_path):
    _build(tmp_path, _vectors(5))
    index = open_index(tmp_path).text
    with pytest.raises(IndexFitError, match="16 numbers, not 8"):
        index.search(np.zeros((1, 8), np.float32), 3)
    with pytest.raises(ModelOutputError):
        index.search(np.full((1, 16), np.nan, np.float32), 3)


def test_the_manifest_says_what_was_built(tmp_path):
    manifest = _build(tmp_path, _vectors(50))
    text = manifest.spaces["text"]
    assert (manifest.count, text.count, text.dim) == (50, 50, 16)
    assert (manifest.model_sha256, manifest.source) == (MODEL, {"reports": 50})
    assert text.segments[0].sha256 == publish.sha256(tmp_path / manifest.version / "text-0.vectors.npy")


@pytest.mark.parametrize(
    ("space", "batches", "code"),
    [
        ("text", [], "index.empty"),
        ("image", [(ONE, ONE, _vectors(1))], "index.empty"),
        ("text", [(np.array([1, 1]), np.array([5, 6]), _vectors(2))], "index"),
        ("text", [(ONE, ONE, _vectors(1)), (np.array([2]), ONE, _vectors(1, dim=8))], "index"),
        ("text", [(ONE, ONE, np.full((1, 4), np.nan, np.float32))], "index"),
    ],
)
def test_unfit_vectors_publish_nothing(tmp_path, space, batches, code):
    with pytest.raises(IndexFitError) as caught:
        build(tmp_path, [{space: Part(*part)} for part in batches], model_sha256=MODEL, source={})
    assert caught.value.code == code
    assert (
        open_index(tmp_path) is None
        and list_versions(tmp_path / "none") == ()
        and [path.name for path in tmp_path.iterdir()] == [".lock"]
    )


def test_full_disk_leaves_the_old_index_and_no_rubbish(tmp_path):
    old = _build(tmp_path, _vectors(5))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # every larger write fails, as on a full disk
    try:
        with pytest.raises(StorageError) as caught:
            _build(tmp_path, _vectors(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 74
    assert open_index(tmp_path).manifest == old
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".lock", "CURRENT", old.version])


def test_build_at_work_is_left_alone(tmp_path):
    old = _build(tmp_path, _vectors(5))
    rubbish = tmp_path / "20260101T000000Z-00000000.tmp-1"
    rubbish.mkdir()
    with publish.lock(tmp_path):
        assert open_index(tmp_path).manifest == old and rubbish.is_dir()
        with pytest.raises(LockedError):
            _build(tmp_path, _vectors(5))
    assert open_index(tmp_path).manifest == old and not rubbish.exists()


def test_spaces_of_one_version_are_searched_apart(tmp_path):
    texts, films = _vectors(6), _vectors(3, dim=4, seed=1)
    ids = np.arange(6)
    batch = {"text": Part(ids, ids, texts), "image": Part(ids[3:], ids[3:], films)}
    manifest = build(tmp_path, [batch], model_sha256=MODEL, source={})
    assert manifest.count == 6 and {name: space.count for name, space in manifest.spaces.items()} == {
        "text": 6,
        "image": 3,
    }
    index = open_index(tmp_path)
    assert index.spaces["image"].search(films, 1)[1].tolist() == [[3], [4], [5]]
    assert (index.text.vectors(np.array([5, 0])) == texts[[5, 0]]).all()


@pytest.mark.parametrize("name", ["../text", "text.faiss", ""])
def test_a_manifest_names_no_other_file(tmp_path, name):
    path = tmp_path / _build(tmp_path, _vectors(5)).version / "manifest.json"
    facts = json.loads(path.read_text())
    facts["spaces"][name] = facts["spaces"]["text"]
    path.write_text(json.dumps(facts))
    with pytest.raises(IndexFitError, match="manifest"):
        open_index(tmp_path)


@pytest.mark.parametrize(
    ("part", "place"),
    [("text-0.vectors.npy", 0), ("text-0.vectors.npy", 40), ("text-0.vectors.npy", -1), ("text-0.rows.npy", -1)],
)
def test_a_flipped_byte_is_refused_and_no_version_begins_with_it(tmp_path, part, place):
    path = tmp_path / _build(tmp_path, _vectors(50)).version / part
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert open_serving(tmp_path, MODEL) is None
    with pytest.raises(IndexFitError, match=rf"damaged.*{part}.*cxrreport index"):
        open_index(tmp_path)


def test_a_version_that_was_verified_is_opened_whatever_serves_now_and_is_not_read_again(tmp_path, monkeypatch):
    first, second = _build(tmp_path, _vectors(5)), _build(tmp_path, _vectors(6))
    monkeypatch.setattr(publish, "sha256", None)
    assert open_index(tmp_path, verified=first.version).text.ids.tolist() == [*range(100, 105)]
    assert open_index(tmp_path, model_sha256=MODEL, verified=second.version).manifest == second
    with pytest.raises(IndexFitError, match="other weights"):
        open_index(tmp_path, model_sha256="b" * 64, verified=second.version)


def test_no_version_begins_with_one_of_other_weights(tmp_path):
    manifest = _build(tmp_path, _vectors(5))
    assert open_serving(tmp_path, "b" * 64) is None
    assert open_serving(tmp_path, MODEL).manifest == manifest


@pytest.mark.parametrize(
    "facts", [{"form": 1}, {"form": None, "spaces": {"text": {"count": 5, "dim": 16, "sha256": "x"}}}]
)
def test_a_version_of_an_older_form_is_told_and_built_anew(tmp_path, facts):
    path = tmp_path / _build(tmp_path, _vectors(5)).version / "manifest.json"
    row = {**json.loads(path.read_text()), **facts}
    path.write_text(json.dumps({key: value for key, value in row.items() if value is not None}))
    with pytest.raises(IndexFitError, match=r"in form 1, this release reads form 2; rebuild the index"):
        open_index(tmp_path)
    assert open_serving(tmp_path, MODEL) is None
    assert _build(tmp_path, _vectors(6)) == open_index(tmp_path).manifest


def test_roll_back_goes_one_version_back_each_time(tmp_path):
    first, second, third = (_build(tmp_path, _vectors(n)) for n in (3, 4, 5))
    assert open_index(tmp_path).manifest == third
    assert roll_back(tmp_path, MODEL) == second and open_index(tmp_path).manifest == second
    assert roll_back(tmp_path, MODEL) == first and open_index(tmp_path).manifest == first
    with pytest.raises(IndexFitError) as caught:
        roll_back(tmp_path, MODEL)
    assert caught.value.code == "index.rollback" and open_index(tmp_path).manifest == first


def test_roll_back_passes_over_what_is_damaged_or_of_other_weights(tmp_path):
    first, second = (_build(tmp_path, _vectors(n), keep=9) for n in (3, 4))
    _build(tmp_path, _vectors(4), model="b" * 64, keep=9)
    last = _build(tmp_path, _vectors(5), keep=9)
    table = tmp_path / first.version / "text-0.rows.npy"
    content = table.read_bytes()
    for damaged in (tmp_path / second.version / "text-0.vectors.npy", table):
        damaged.write_bytes(b"")
    with pytest.raises(IndexFitError):
        roll_back(tmp_path, MODEL)
    assert open_index(tmp_path).manifest == last
    table.write_bytes(content)
    assert roll_back(tmp_path, MODEL) == first and open_index(tmp_path).manifest == first


def test_an_unreadable_manifest_hides_no_other_version(tmp_path):
    first, second = (_build(tmp_path, _vectors(n)) for n in (3, 4))
    (tmp_path / first.version / "manifest.json").write_text("{")
    assert list_versions(tmp_path) == (second,)
    assert _build(tmp_path, _vectors(5)) in list_versions(tmp_path)


def test_old_versions_are_removed_the_serving_one_never(tmp_path):
    first = _build(tmp_path, _vectors(3))
    second = build(tmp_path, _batches(_vectors(4)), model_sha256=MODEL, source={}, keep=2)
    assert list_versions(tmp_path) == (second, first)
    third = build(tmp_path, _batches(_vectors(5)), model_sha256=MODEL, source={}, keep=2)
    assert list_versions(tmp_path) == (third, second)
    (tmp_path / second.version / "manifest.json").write_text("{")
    last = build(tmp_path, _batches(_vectors(6)), model_sha256=MODEL, source={}, keep=1)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [last.version]
    assert open_index(tmp_path).manifest == last


@pytest.mark.parametrize("length", [1, 40])
def test_search_is_exact_for_vectors_of_any_length(tmp_path, length):
    """Rounding grows with the lengths of query and vector, so the band of near ties has to as well."""
    random = np.random.default_rng(5)
    near = np.sqrt(0.5) + 2e-6 * random.normal(size=(4000, 1))
    vectors = np.hstack([near, -near, random.normal(size=(4000, 14)) * 1e-4]).astype(np.float32) * length
    _build(tmp_path, vectors)
    queries = np.zeros((8, 16), np.float32)
    queries[:, :2] = (1, 1)  # sums of large terms that nearly cancel
    queries[:, 2:] = random.normal(size=(8, 14)) * 1e-3
    queries *= length
    space = open_index(tmp_path).text
    _, ids = space.search(queries, 21)
    exact = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    worst_kept = np.take_along_axis(exact, ids - 100, axis=1).min(axis=1)
    left_out = [np.delete(row, found - 100).max() for row, found in zip(exact, ids, strict=True)]
    assert (worst_kept >= np.array(left_out) - 1e-7 * length**2).all()
    for row, query in enumerate(queries):
        assert (space.search(query[None], 21)[1][0] == ids[row]).all()


def test_an_open_space_that_is_not_searched_takes_a_byte_a_report(tmp_path):
    vectors = _vectors(20_000, dim=2)
    batches = ({"text": batch["text"], "image": batch["text"]} for batch in _batches(vectors, size=5_000))
    build(tmp_path, batches, model_sha256=MODEL, source={})
    tracemalloc.start()
    try:
        index = open_index(tmp_path)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2 * 2 * len(vectors)
    assert index.spaces["image"].ids.tolist() == [*range(100, 20_100)]
