"""The papers' ablations at small cost: one frozen encoder, its features computed once, all runs alike but for their flags.

    python -m benchmarks.ablations DATA/iu-xray --init WEIGHTS --out DIR [--seeds 1 2] [--epochs 6] [--only NAME ...] [--test]

Every run starts from the encoder, both towers of retrieval and the decoder's language model of WEIGHTS, as far as shapes
fit; FAMs, Feature Difference, classifier, projections and the decoder's cross-attention begin with random numbers of the
run's seed. `DIR/ablations.csv` holds the scores of the runs: validation of the best epoch and, with --test, the test split once
with that epoch. A run that is there is not run again.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.arguments import at_least, make_parser, positive, rate, share
from benchmarks.results import FULL, SCORES, ablation_tables
from benchmarks.tables import Row, as_row, read_rows, write_rows
from cxrreport.datasets.directory import DirectoryReader
from cxrreport.datasets.encoded import Encoded, encode_samples
from cxrreport.datasets.sample import Sample
from cxrreport.datasets.splits import read_whole
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import CxrReportError, UsageError
from cxrreport.findings import FINDINGS
from cxrreport.model.ablations import ABLATIONS, ablate, change
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.drafter import Drafter
from cxrreport.model.generation import Decoding
from cxrreport.model.variants import build_network
from cxrreport.model.weights import Weights, load_weights, resolve_device
from cxrreport.training.card import commit
from cxrreport.training.network_stage import NetworkStage, start_prior
from cxrreport.training.validation import score_drafts, validate

NAMES = (
    FULL, "without-difference", "without-fam", "trar", "concat", "mpsa", "without-scl", "only-l2", "only-cosine", "only-dot",
    "one-layer", "three-layers", "promptmrg",
)  # fmt: skip
_SHOWN = ("selection", "mean_auc", *SCORES)


@dataclass(frozen=True)
class Split:
    """Samples and their features."""

    samples: list[Sample]
    encoded: Encoded


def encode(drafter: Drafter, splits: dict[str, list[Sample]], copies: int) -> dict[str, Split]:
    """Features of every split, augmented copies for train alone; the bank is the train split's reports."""
    train = splits["train"]
    bank, patients = drafter.embed_texts([s.summary for s in train]), [s.patient for s in train]
    generator = torch.Generator().manual_seed(0)
    number = {name: copies if name == "train" else 1 for name in splits}
    return {
        name: Split(samples, encode_samples(drafter, samples, bank, patients, number[name], generator))
        for name, samples in splits.items()
    }


def build(base: Weights, name: str, seed: int, decoder_layers: int | None) -> DiffRGenNet:
    """The network of one row, with what it takes from WEIGHTS."""
    decoder = dict(base.network.config.decoder)
    decoder["num_hidden_layers"] = decoder_layers or decoder["num_hidden_layers"]
    plain = change(base.network.config, thresholds=None, label_prior=[1.0] * len(FINDINGS), decoder=decoder)
    torch.manual_seed(seed)
    network = build_network(plain if name == FULL else ablate(plain, name))
    own, old = network.state_dict(), base.network.state_dict()
    taken = {key: old[key] for key in own if is_taken(key) and key in old and old[key].shape == own[key].shape}
    network.load_state_dict(taken, strict=False)
    network.decoder.tie()
    return network.to(base.network.device)


def is_taken(key: str) -> bool:
    """Whether a tensor is to come from WEIGHTS."""
    return key.startswith(("encoder.", "retrieval.")) or (key.startswith("decoder.") and "crossattention" not in key)


def run(base: Weights, name: str, seed: int, splits: dict[str, Split], options: argparse.Namespace) -> list[Row]:
    """Train one row with one seed; a line of scores for validation and, where it is asked for, test."""
    started = time.perf_counter()
    network = build(base, name, seed, options.decoder_layers)
    weights = Weights(network, base.views, base.tokenizer, {}, "")
    train, val = splits["train"], splits["val"]
    network.label_prior.copy_(start_prior(train.samples))
    steps = options.epochs * (len(train.samples) // options.batch + 1)
    stage = NetworkStage(weights, options.lr, steps, torch.Generator().manual_seed(seed), options.balance)
    drafter, found = open_drafter(weights, Decoding(beams=1)), dict[str, dict[str, float]]()
    best: tuple[int, dict[str, Tensor], list[float] | None] | None = None
    for epoch in range(1, options.epochs + 1):
        stage.epoch(train.samples, train.encoded, options.batch)
        with stage.average.applied():
            scores = validate(drafter, val.samples, val.encoded, stage)
            if best is None or scores["selection"] > found["val"]["selection"]:
                state = {key: value.clone() for key, value in network.state_dict().items()}
                best, found["val"] = (epoch, state, network.config.thresholds), scores
    assert best is not None
    if "test" in splits:
        network.load_state_dict(best[1])
        network.config.thresholds = best[2]
        network.eval()
        scorer = open_drafter(weights, Decoding(beams=options.beams))
        found["test"] = score_drafts(scorer, splits["test"].samples, splits["test"].encoded)
    facts = {"commit": (commit() or "")[:12], "best_epoch": best[0], "seconds": round(time.perf_counter() - started, 1)}
    own = {"name": name, "seed": seed, "content_path": network.config.diff_content}
    return [
        as_row({**own, "split": split, "studies": len(splits[split].samples), **facts, **{c: s.get(c) for c in _SHOWN}})
        for split, s in found.items()
    ]


def settings_of(options: argparse.Namespace, base: Weights, splits: dict[str, Split]) -> Row:
    """What all runs of a directory must have in common."""
    names = ("epochs", "batch", "lr", "balance", "copies", "decoder_layers", "beams")
    settings = {name: getattr(options, name) for name in names}
    return as_row({"weights": base.sha256[:12], **settings, "train": len(splits["train"].samples)})


def read_runs(path: Path, settings: Row, studies: dict[str, int]) -> list[Row]:
    """Lines of the runs that are done.

    Raises
    ------
    UsageError : the file is damaged, or its runs are others.
    """
    rows = read_rows(path) if path.exists() else []
    if any({**row, **settings} != row or row.get("studies") != str(studies.get(row.get("split", ""))) for row in rows):
        raise UsageError(f"{path.name} is damaged or of runs with other settings: name another --out.")
    return rows


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--init", type=Path, required=True, help="weights directory to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=positive, default=6)
    parser.add_argument("--only", nargs="+", choices=[FULL, *ABLATIONS], default=list(NAMES), metavar="NAME")
    parser.add_argument("--test", action="store_true", help="score the test split at the end of each run")
    parser.add_argument("--batch", type=at_least(2), default=16)
    parser.add_argument("--lr", type=rate, default=5e-4)
    parser.add_argument("--balance", type=share, default=0.0, help="as of cxrreport train")
    parser.add_argument("--copies", type=positive, default=1, help="variants of each image, the plain one included")
    parser.add_argument("--decoder-layers", type=positive, help="fewer layers of the decoder make all runs cheaper")
    parser.add_argument("--beams", type=positive, default=3, help="of the test split; validation is greedy")
    parser.add_argument("--limit", type=at_least(4), help="only this many studies of each split, to try things out")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what has not been run, seed by seed, and print the tables."""
    options = parse(arguments)
    try:
        print("\n".join(ablation_tables(run_all(options))))
    except CxrReportError as error:
        sys.exit(str(error))


def run_all(options: argparse.Namespace) -> list[Row]:
    """Run what has not been run, and give all of it.

    Raises
    ------
    CxrReportError : bad weights, device or dataset; --out cannot be made, or holds other or damaged runs.
    """
    base = load_weights(options.init, resolve_device(options.device))
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out cannot be made: {error.strerror}.") from None
    names = ["train", "val", *(["test"] if options.test else [])]
    samples = read_whole(DirectoryReader("iu-xray", options.data), names, options.limit)
    splits = encode(open_drafter(base, Decoding(beams=1)), samples, options.copies)
    path, settings = options.out / "ablations.csv", settings_of(options, base, splits)
    rows = read_runs(path, settings, {name: len(split.samples) for name, split in splits.items()})
    done = {(row["name"], row["seed"], row["split"]) for row in rows}
    for seed in options.seeds:
        for name in options.only:
            if (name, str(seed), names[-1]) not in done:
                made = [{**row, **settings} for row in run(base, name, seed, splits, options)]
                rows = [row for row in rows if (row["name"], row["seed"]) != (name, str(seed))] + made
                write_rows(path, rows)
                print(f"{name}-{seed}: best epoch {made[0]['best_epoch']}, {made[0]['seconds']} s", flush=True)
    return rows


if __name__ == "__main__":
    main()
