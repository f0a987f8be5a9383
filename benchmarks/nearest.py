"""Exact search of many vectors beside numpy and HNSW; called by `benchmarks.retrieval --scale`."""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from cxrreport.retrieval.build import Batch, build, open_index
from cxrreport.retrieval.segment import Part

DIM, COUNT, QUERIES = 256, 42, 64
_PAGE, _CENTRES = 500, 2_000
_SPREAD = 0.05  # reports read alike in groups: 0.05 an axis is a cosine of about .6 to the centre
_SIZES = (1, 8, QUERIES)


def draw(rows: int, seed: int) -> np.ndarray:
    """Unit vectors (rows, 256) around common centres, as the texts of reports lie."""
    centres = np.random.default_rng(0).normal(size=(_CENTRES, DIM)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(_CENTRES, size=rows)]
    vectors = vectors + _SPREAD * random.normal(size=(rows, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def batches(count: int) -> Iterator[Batch]:
    """Pages of 500 as `cxrreport index` makes them, drawn one by one."""
    for start in range(0, count, _PAGE):
        ids = np.arange(start, min(count, start + _PAGE))
        yield {"text": Part(ids, ids, draw(len(ids), seed=start + 1))}


def peak_mb() -> float:
    """Largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def times(search: Callable[[np.ndarray], Any], queries: np.ndarray) -> dict[str, float]:
    """Seconds a query by size of the batch, the least of three."""
    found = {}
    for size in _SIZES:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            search(queries[:size])
            seconds.append(time.perf_counter() - start)
        found[f"batch {size}"] = min(seconds) / size
    return found


def _build(folder: Path, count: int) -> dict[str, float]:
    before, start = peak_mb(), time.perf_counter()
    build(folder, batches(count), model_sha256="0" * 64, source={})
    return {"seconds": time.perf_counter() - start, "before_mb": before, "peak_mb": peak_mb()}


def _search(folder: Path, count: int) -> dict[str, float]:
    before, start = peak_mb(), time.perf_counter()
    index = open_index(folder)
    assert index is not None
    found = {"open_s": time.perf_counter() - start}
    queries = draw(QUERIES, seed=-1 % 2**32)
    found |= times(lambda asked: index.text.search(asked, COUNT), queries)
    np.save(folder / "exact.npy", index.text.search(queries, COUNT)[1])
    return {**found, "before_mb": before, "peak_mb": peak_mb()}


def _numpy(folder: Path, count: int) -> dict[str, float]:
    bank, queries = np.concatenate([b["text"].vectors for b in batches(count)]), draw(QUERIES, seed=-1 % 2**32)
    found = times(lambda asked: _by_numpy(bank, asked), queries)
    same = (np.sort(_by_numpy(bank, queries)) == np.sort(np.load(folder / "exact.npy"))).mean()
    return {**found, "same as ours": float(same)}


def _by_numpy(bank: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return np.argpartition(-(queries @ bank.T), COUNT, axis=1)[:, :COUNT]


def _hnsw(folder: Path, count: int) -> dict[str, float]:
    bank, queries = np.concatenate([b["text"].vectors for b in batches(count)]), draw(QUERIES, seed=-1 % 2**32)
    index = faiss.IndexHNSWFlat(DIM, 32, faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    index.add(bank)
    found = {"seconds": time.perf_counter() - start, "peak_mb": peak_mb()}
    index.hnsw.efSearch = 128
    found |= times(lambda asked: index.search(asked, COUNT), queries)
    exact, near = _by_numpy(bank, queries), index.search(queries, COUNT)[1]
    recall = [len({*a.tolist()} & {*b.tolist()}) / COUNT for a, b in zip(exact, near, strict=True)]
    return {**found, "recall": float(np.mean(recall))}


def print_scale(count: int, hnsw: bool) -> None:
    """Times, ratios and memory, each step in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, context.Pool(1, maxtasksperchild=1) as pool:
        folder = Path(name)
        size_mb = count * DIM * 4 / 2**20
        made = pool.apply(_build, (folder, count))
        print(f"{count} vectors x {DIM}: {size_mb:.0f} MiB, {COUNT} nearest of each query")
        grown = made["peak_mb"] - made["before_mb"]
        print(
            f"build     {made['seconds']:7.1f} s, memory grew by {grown:.0f} MiB, {grown / size_mb:.2f} of the vectors"
        )
        ours = pool.apply(_search, (folder, count))
        grown = ours["peak_mb"] - ours["before_mb"]
        print(
            f"open      {ours['open_s']:7.1f} s with all digests; memory grew by {grown:.0f} MiB, pages of the file among it"
        )
        peers = {"numpy": pool.apply(_numpy, (folder, count))}
        print(f"numpy     {peers['numpy']['same as ours']:7.4f} of its answers are ours")
        if hnsw:
            peers["HNSW"] = pool.apply(_hnsw, (folder, count))
            print(f"HNSW      {peers['HNSW']['seconds']:7.1f} s to build, recall {peers['HNSW']['recall']:.3f}")
        for key in (f"batch {size}" for size in _SIZES):
            beside = "  ".join(
                f"{name} {peer[key] * 1000:8.2f} (ratio {peer[key] / ours[key]:.2f})" for name, peer in peers.items()
            )
            print(f"{key:<9} ours {ours[key] * 1000:8.2f} ms a query  {beside}")
