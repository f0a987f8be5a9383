"""How an index of many vectors is built, opened, searched and added to.

    python -m benchmarks.nearest 1000000 [--seeds FILE]

The bank is drawn around the vectors of real texts and asked for real films, which `benchmarks.retrieval --seeds FILE` writes;
without, both are made. Every step has a process of its own and one thread, times are of the processor, ratios of one run.
Peers: FAISS' own exact index (up to a million vectors, for it holds all in memory), exact search for the lists, a whole build
for what is added.
"""

import functools
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import faiss
import numpy as np

from benchmarks.arguments import make_parser
from benchmarks.timing import timed
from cxrreport.retrieval.build import Base, Batch, Index, build, open_index
from cxrreport.retrieval.segment import Part

COUNT, QUERIES, ADDED = 42, 64, 500
_PAGE = 4096
_PEER_ROWS = 1_000_000  # FAISS' own index holds all vectors in memory
_SIZES = (1, 8, QUERIES)
_MODEL = "0" * 64
Figures = dict[str, Any]


class Seeds(NamedTuple):
    """Vectors of real texts (n, d), and of films: half of them are in the index, by the others it is asked."""

    texts: np.ndarray
    films: np.ndarray

    @property
    def queries(self) -> np.ndarray:
        """Films that no index holds."""
        return self.films[1::2][:QUERIES]


def made_seeds(dim: int = 256) -> Seeds:
    """Unit vectors in 2,000 groups, where there are no real ones; films lie a little away from texts."""
    random = np.random.default_rng(0)
    texts = _unit(random.normal(size=(2000, dim)))
    return Seeds(texts, _unit(texts[:296] + 0.05 * random.normal(size=(296, dim))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@functools.cache
def _neighbours(texts: bytes, dim: int) -> np.ndarray:
    """The eight nearest of each text."""
    vectors = np.frombuffer(texts, np.float32).reshape(-1, dim)
    return np.argsort(-(vectors @ vectors.T), axis=1)[:, 1:9]


def draw(seeds: Seeds, rows: int, seed: int) -> np.ndarray:
    """Unit vectors (rows, d): texts mixed with one of their eight nearest, a third each with no, little and more noise."""
    random = np.random.default_rng(seed)
    near = _neighbours(seeds.texts.tobytes(), seeds.texts.shape[1])
    first = random.integers(len(near), size=rows)
    second = near[first, random.integers(near.shape[1], size=rows)]
    share = random.random((rows, 1), dtype=np.float32) / 2
    noise = random.standard_normal((rows, seeds.texts.shape[1]), dtype=np.float32)
    noise *= random.choice(np.array([0, 0.01, 0.03], np.float32), size=(rows, 1))
    return _unit(seeds.texts[first] * (1 - share) + seeds.texts[second] * share + noise)


def batches(seeds: Seeds, count: int, first: int = 0) -> Iterator[Batch]:
    """Pages of texts, drawn one by one, and at the beginning the films."""
    if first == 0:
        ids = np.arange(len(seeds.films[::2]))
        yield {"image": Part(ids, ids, seeds.films[::2])}
    for start in range(first, first + count, _PAGE):
        ids = np.arange(start, min(first + count, start + _PAGE))
        yield {"text": Part(ids, ids, draw(seeds, len(ids), seed=start + 1))}


def spent() -> dict[str, float]:
    """Seconds of the processor, and the largest resident size and what of it is no page of a file, in MiB."""
    facts = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    own = int(facts["RssAnon"].split()[0]) / 1024 if "RssAnon" in facts else 0.0
    return {
        "s": time.process_time(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "own_mb": own,
    }


def _since(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in spent().items()}


def times(search: Callable[[np.ndarray], Any], queries: np.ndarray) -> dict[str, float]:
    """Seconds a query by size of the batch, the least of three."""
    found = {}
    for size in _SIZES:
        seconds = [timed(functools.partial(search, queries[:size]))[1] for _ in range(3)]
        found[f"batch {size}"] = min(seconds) / min(size, len(queries))
    return found


def _opened(folder: Path) -> Index:
    index = open_index(folder)
    assert index is not None
    return index


def _build(folder: Path, seeds: Seeds, count: int) -> Figures:
    """Without the time that drawing takes."""
    before, drawing = spent(), [0.0]
    build(folder, _timed(batches(seeds, count), drawing), model_sha256=_MODEL, source={})
    found = _since(before)
    return {**found, "s": found["s"] - drawing[0]}


def _timed(made: Iterator[Batch], seconds: list[float]) -> Iterator[Batch]:
    while True:
        start = time.process_time()
        batch = next(made, None)
        seconds[0] += time.process_time() - start
        if batch is None:
            return
        yield batch


def _change(folder: Path, seeds: Seeds, count: int, added: int, exact_up_to: int | None) -> Figures:
    """A version with so many reports more, and what of it is new on the disk."""
    index = _opened(folder)
    known = {path.stat().st_ino for path in folder.rglob("*")}
    before, drawing = spent(), [0.0]
    found = _timed(batches(seeds, added, count), drawing) if added else []
    made = build(folder, found, model_sha256=_MODEL, source={}, base=Base(index, {}), exact_up_to=exact_up_to)
    new = [path.stat() for path in folder.rglob("*") if path.is_file() and path.stat().st_ino not in known]
    lists = [one for one in made.spaces["text"].segments if one.near_sha256]
    told = (
        {"recall": mean([one.recall or 0 for one in lists]), "probes": mean([one.probes for one in lists])}
        if lists
        else {}
    )
    facts = _since(before)
    written = sum(one.st_size for one in new) / 2**20
    return {**facts, "s": facts["s"] - drawing[0], "written_mb": written, "lists": len(lists), **told}


def _search(folder: Path, seeds: Seeds) -> Figures:
    before = spent()
    index = _opened(folder)
    opening = _since(before)
    found: Figures = times(lambda asked: index.text.search(asked, COUNT), seeds.queries)
    scores = index.text.search(seeds.queries, COUNT)[0]
    return {**found, "open_s": opening["s"], "open_mb": opening["own_mb"], "scores": scores}


def _flat(seeds: Seeds, count: int) -> Figures:
    """Plain FAISS, set as ours is."""
    faiss.cvar.distance_compute_blas_threshold = 1
    faiss.cvar.distance_compute_blas_database_bs = 65_536
    flat = faiss.IndexFlatIP(seeds.texts.shape[1])
    for batch in batches(seeds, count):
        if "text" in batch:
            flat.add(batch["text"].vectors)
    found: Figures = times(lambda asked: flat.search(asked, COUNT), seeds.queries)
    return {**found, "scores": flat.search(seeds.queries, COUNT)[0]}


def recall(scores: np.ndarray, exact: np.ndarray, depth: int) -> float:
    """Share of the best `depth` that is found, by score: one of several reports that read alike is as good as another."""
    return float((scores[:, :depth] >= exact[:, depth - 1 : depth] - 1e-5).mean())


def print_scale(seeds: Seeds, count: int, step: Callable[..., Figures]) -> None:
    """Times, ratios and memory. step : calls a function with arguments, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, dim = Path(name), seeds.texts.shape[1]
        size = count * dim * 4 / 2**20
        print(f"{count} vectors x {dim}: {size:.0f} MiB; {COUNT} nearest of {len(seeds.queries)} films")
        made = step(_build, folder, seeds, count)
        grown = made["peak_mb"]
        print(f"build       {made['s']:7.2f} s; memory grew by {grown:.0f} MiB, {grown / size:.3f} of the vectors")
        exact = step(_search, folder, seeds)
        print(
            f"open        {exact['open_s']:7.2f} s with all digests; {exact['open_mb']:.0f} MiB beside the pages of files"
        )
        _print_changes(seeds, count, size, made, folder, step)
        near = step(_search, folder, seeds)
        found = [recall(near["scores"], exact["scores"], depth) for depth in (21, COUNT)]
        print(
            f"open        {near['open_s']:7.2f} s with lists; recall@21 {found[0]:.4f}, @{COUNT} {found[1]:.4f} of exact search"
        )
        peers = {"lists": near}
        if count <= _PEER_ROWS:
            peers["IndexFlatIP"] = step(_flat, seeds, count)
            same = recall(exact["scores"], peers["IndexFlatIP"]["scores"], COUNT)
            print(f"IndexFlatIP {same:.4f} of its scores are reached by ours")
        for key in (f"batch {size}" for size in _SIZES):
            beside = (f"  {n} {peer[key] * 1000:.2f} (ratio {peer[key] / exact[key]:.3f})" for n, peer in peers.items())
            print(f"{key:<9} exact {exact[key] * 1000:8.2f} ms a query" + "".join(beside))


def _print_changes(
    seeds: Seeds, count: int, size: float, made: Figures, folder: Path, step: Callable[..., Figures]
) -> None:
    """A night's reports, then lists for all."""
    added = step(_change, folder, seeds, count, ADDED, None)
    print(
        f"add {ADDED}     {added['s']:7.2f} s, ratio to a whole build {added['s'] / made['s']:.3f};"
        f" written {added['written_mb']:.1f} MiB, {added['written_mb'] / size:.4f} of the vectors"
    )
    lists = step(_change, folder, seeds, count + ADDED, 0, 0)
    if lists["lists"]:
        print(
            f"lists       {lists['s']:7.2f} s; {lists['written_mb']:.0f} MiB, memory grew by {lists['peak_mb']:.0f} MiB;"
            f" recall@21 as measured then {lists['recall']:.4f}, {lists['probes']:.0f} lists looked into"
        )


def main() -> None:
    """Print what is asked for."""
    parser = make_parser(__doc__)
    parser.add_argument("count", type=int, help="number of vectors")
    parser.add_argument("--seeds", type=Path, help="vectors of texts and films: an .npz")
    options = parser.parse_args()
    seeds = Seeds(**np.load(options.seeds)) if options.seeds else made_seeds()
    with multiprocessing.get_context("spawn").Pool(1, faiss.omp_set_num_threads, (1,), maxtasksperchild=1) as pool:
        print_scale(seeds, options.count, lambda work, *arguments: pool.apply(work, arguments))


if __name__ == "__main__":
    main()
