"""How well retrieved reports agree with a study's own findings.

    python -m benchmarks.retrieval [DATA/iu-xray] [--weights DIR] [--split val]
    python -m benchmarks.retrieval [DATA/iu-xray] --seeds FILE

The bank is the train split, the queries the images of another one. Label-F1@k is the F1 of the positive findings (14, "no
finding" among them) of the query's own report and of each of its k retrieved ones, mean over k and over queries; "abnormal"
are the queries whose report has a positive finding but devices. Peers: random reports, and the nearest image by ImageNet
features, which were never trained on chests. "indication" is the nearest of the bank by why the films were made, alone or
fused by reciprocal rank with a retriever (weight in brackets), with 95 % bootstrap intervals of what that changes.
The index is built and searched by the code of `cxrreport index` and `generate`. With --seeds the vectors of the train texts and
of the films of the split are written, and nothing else is done: `benchmarks.nearest` draws around them.
"""

import re
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.arguments import make_parser
from benchmarks.labels import IU_XRAY
from benchmarks.nearest import Seeds
from cxrreport.datasets.directory import DirectoryReader
from cxrreport.datasets.sample import Sample
from cxrreport.drafting.drafter import open_drafter
from cxrreport.evaluation.retrieval import label_f1, label_f1_at
from cxrreport.findings import PATHOLOGY
from cxrreport.model.config import POSITIVE
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import load_torchvision_mobilenet
from cxrreport.model.weights import load_weights
from cxrreport.records import PreparedStudy
from cxrreport.reports.sections import clean
from cxrreport.retrieval.build import Index, build, open_index
from cxrreport.retrieval.fusion import RETRIEVERS, fuse
from cxrreport.retrieval.segment import Part
from cxrreport.training.pretrained import load_imagenet

DEPTHS = (1, 5, 21)
_WEIGHTS = (0.3, 1.0)  # of the rank by indication, beside 1 of each space
_DRAWS = 2000
_BATCH = 16


def prepared(sample: Sample) -> PreparedStudy:
    """Images of a sample; a study without a frontal view shows its lateral one in its place."""
    images = [pixels if there else None for pixels, there in zip(sample.pixels, sample.present, strict=True)]
    return PreparedStudy(images[0], images[1]) if images[0] is not None else PreparedStudy(images[1])


def vectors(drafter: Drafter, samples: list[Sample], imagenet: Drafter) -> dict[str, np.ndarray]:
    """Queries and keys of every space, and ImageNet features, by name."""
    rows: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(samples), _BATCH):
        studies = [prepared(sample) for sample in samples[start : start + _BATCH]]
        features = drafter.encode(studies)
        found = {f"query {name}": v for name, v in drafter.queries(features).items()}
        found |= {f"key {name}": v for name, v in drafter.keys(features).items()}
        pooled = imagenet.encode(studies).pooled.numpy()
        found["imagenet"] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        for name, v in found.items():
            rows.setdefault(name, []).append(v)
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def imagenet_drafter(weights: Path | None) -> Drafter:
    """The same network with the encoder that training started from."""
    drafter = open_drafter(load_weights(weights))
    load_torchvision_mobilenet(drafter.network.encoder, load_imagenet())
    return drafter


def publish(folder: Path, drafter: Drafter, bank: list[Sample], of_images: dict[str, np.ndarray]) -> Index:
    """The bank as an index."""
    ids = np.arange(len(bank))
    found = {"text": drafter.embed_texts([sample.summary for sample in bank]), "imagenet": of_images["imagenet"]}
    found |= {name.removeprefix("key "): v for name, v in of_images.items() if name.startswith("key ")}
    batch = {name: Part(ids, ids, v) for name, v in found.items()}
    build(folder, [batch], model_sha256=drafter.weights.sha256, source={})
    index = open_index(folder)
    assert index is not None
    return index


def nearest(index: Index, spaces: tuple[str, ...], queries: dict[str, np.ndarray]) -> np.ndarray:
    """Rows of the bank (n, 21), the best first."""
    lists = [index.spaces[space].search(queries[space], DEPTHS[-1] * len(spaces)) for space in spaces]
    rows = range(len(lists[0][0]))
    pairs = [[list(zip(ids[row].tolist(), scores[row].tolist())) for scores, ids in lists] for row in rows]
    return np.array([[number for number, _ in fuse(lists_of)][: DEPTHS[-1]] for lists_of in pairs])


def print_agreement(weights: Path | None, directory: Path, split: str) -> None:
    """One line a retriever."""
    drafter = open_drafter(load_weights(weights))
    read = DirectoryReader("iu-xray", directory)
    bank, asked = read("train"), read(split)
    imagenet = imagenet_drafter(weights)
    of_bank, of_asked = vectors(drafter, bank, imagenet), vectors(drafter, asked, imagenet)
    queries = {name.removeprefix("query "): v for name, v in of_asked.items() if not name.startswith("key ")}
    bank_states, states = (np.stack([sample.states for sample in samples]) for samples in (bank, asked))
    abnormal = (states[:, PATHOLOGY] == POSITIVE).any(1)
    with tempfile.TemporaryDirectory() as folder:
        index = publish(Path(folder), drafter, bank, of_bank)
        found = {name: nearest(index, of, queries) for name, of in RETRIEVERS.items() if {*of} <= {*index.spaces}}
        found["ImageNet features"] = nearest(index, ("imagenet",), queries)
        text = index.spaces["text"].search(queries["text"], len(bank))[1]
    by_reason = nearest_reasons(drafter, bank, asked)
    found["indication"] = fused(text, by_reason, (0.0, 1.0))
    found |= {f"text, indication ({w})": fused(text, by_reason, (1.0, w)) for w in _WEIGHTS}
    random = np.random.default_rng(0).integers(len(bank), size=(len(asked), 2000))
    print(f"bank {len(bank)} train studies, {len(asked)} queries of {split}, {abnormal.sum()} of them abnormal")
    print(f"{'label-F1':<20}" + "".join(f"{f'@{k}':>7}" for k in DEPTHS) + "   abnormal" + "".join(f"{f'@{k}':>7}" for k in DEPTHS))  # fmt: skip  # noqa: E501
    for name, rows in [*found.items(), ("random", random)]:
        depths = DEPTHS if name != "random" else (2000,) * 3  # its expectation is the same at every depth
        scores = [label_f1_at(states[q], bank_states[rows[q, :k]]) for q in (slice(None), abnormal) for k in depths]
        print(f"{name:<20}" + "".join(f"{s:7.3f}" for s in scores[:3]) + " " * 11 + "".join(f"{s:7.3f}" for s in scores[3:]))  # fmt: skip  # noqa: E501
    for name, rows in found.items():
        if name.startswith("text, "):
            gains = [gain(rows, found["text"], states, bank_states, q) for q in (np.ones_like(abnormal), abnormal)]
            print(f"{name} - text: {gains[0]}; abnormal {gains[1]}")


def nearest_reasons(drafter: Drafter, bank: list[Sample], asked: list[Sample]) -> np.ndarray:
    """Rows of the bank (n, bank), the nearest by text embedding of the indication first; -1 where either has none."""
    keys, queries = (drafter.embed_texts([words(sample.indication) for sample in samples]) for samples in (bank, asked))
    silent = np.array([not sample.indication for sample in bank])
    order = np.argsort(np.where(silent, 2, -queries @ keys.T), axis=1, kind="stable")
    order[silent[order] | np.array([not sample.indication for sample in asked])[:, None]] = -1
    return order


def words(indication: str) -> str:
    """An indication as the text tower reads reports, without age, sex and holes."""
    return clean(re.sub(r"X{3,}|\S*year[- ]old|\b(?:fe)?male\b|\b(?:wo)?man\b", "", indication))


def fused(first: np.ndarray, second: np.ndarray, weights: tuple[float, float]) -> np.ndarray:
    """Two rankings (n, bank) by weighted reciprocal rank over the first 84 of each: the first 21 rows of the bank (n, 21)."""
    scores = np.zeros(first.shape)
    for ranked, weight in zip((first, second), weights, strict=True):
        for rank, places in enumerate(ranked[:, : 4 * DEPTHS[-1]].T):
            rows = np.flatnonzero(places >= 0)
            scores[rows, places[rows]] += weight / (60 + rank + 1)
    tie = np.argsort(first, axis=1, kind="stable")  # rank of each row of the bank in the first list
    return np.lexsort((tie, -scores))[:, : DEPTHS[-1]]


def gain(rows: np.ndarray, plain: np.ndarray, states: np.ndarray, bank_states: np.ndarray, group: np.ndarray) -> str:
    """95 % bootstrap intervals over queries of what `rows` change of `plain`, at each depth."""

    def at(found: np.ndarray, depth: int) -> np.ndarray:
        return label_f1(states[group][:, None], bank_states[found[group][:, :depth]]).mean(1)

    drawn = np.random.default_rng(0).integers(group.sum(), size=(_DRAWS, group.sum()))
    gains = (np.percentile((at(rows, k) - at(plain, k))[drawn].mean(1), (2.5, 97.5)) for k in DEPTHS)
    return " ".join(f"{low:+.3f} .. {high:+.3f}" for low, high in gains)


def write_seeds(target: Path, directory: Path, weights: Path | None, split: str) -> None:
    """Vectors of the train texts and of the films of a split."""
    drafter, read = open_drafter(load_weights(weights)), DirectoryReader("iu-xray", directory)
    with torch.inference_mode():
        texts = drafter.embed_texts([sample.summary for sample in read("train")])
        studies = [prepared(sample) for sample in read(split)]
        parts = [drafter.encode(studies[start : start + _BATCH]) for start in range(0, len(studies), _BATCH)]
        films = np.concatenate([drafter.queries(part)["text"] for part in parts])
    np.savez(target, **Seeds(texts, films)._asdict())


def main() -> None:
    """Print what is asked for."""
    parser = make_parser(__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=IU_XRAY)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--split", default="val", choices=["val", "test"])
    parser.add_argument("--seeds", type=Path, help="write vectors of texts and films here, an .npz")
    options = parser.parse_args()
    if not options.directory.is_dir():
        parser.error("name the directory of IU X-Ray")
    elif options.seeds:
        write_seeds(options.seeds, options.directory, options.weights, options.split)
    else:
        with torch.inference_mode():
            print_agreement(options.weights, options.directory, options.split)


if __name__ == "__main__":
    main()
