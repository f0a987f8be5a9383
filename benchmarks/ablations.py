"""The papers' ablations at small cost: one frozen encoder, its features cached once, all runs alike but for their flags.

    python -m benchmarks.ablations DATA/iu-xray --init WEIGHTS --out DIR [--seeds 1 2] [--epochs 6] [--only NAME ...] [--test]

Every run starts from the encoder, both towers of retrieval and the decoder's language model of WEIGHTS, as far as shapes
fit; FAMs, Feature Difference, classifier, projections and the decoder's cross-attention begin with random numbers of the
run's seed. `DIR/features.safetensors` holds the features, `DIR/NAME-SEED.json` the scores of a run: validation after each
epoch and, with --test, the test split once with the best epoch. A run whose file is there is not run again.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.ablation_tables import FULL, commits
from benchmarks.arguments import at_least, positive, rate, share
from benchmarks.documents import PROTOCOL, ResultsError, is_run, read
from benchmarks.features import Split, cache, read_splits
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import CxrReportError
from cxrreport.files import write_json
from cxrreport.model.ablations import ABLATIONS, ablate, change
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.generation import Decoding
from cxrreport.model.weights import Weights, load_weights, resolve_device
from cxrreport.training.card import commit
from cxrreport.training.network_stage import NetworkStage, start_prior
from cxrreport.training.validation import score_drafts, validate

NAMES = (
    FULL, "without-difference", "without-fam", "trar", "concat", "mpsa", "without-scl", "only-l2", "only-cosine", "only-dot",
    "one-layer", "three-layers", "promptmrg",
)  # fmt: skip
FLAGS = (
    "fam_attention", "masks_per_layer", "anchor", "feature_difference", "metrics", "diff_content", "scl", "fcc_weight",
    "reports_in_memory", "reports_in_classifier", "binarize",
)  # fmt: skip
SHOWN = ("selection", "example_f1", "macro_f1", "mean_auc", "bleu_4", "rouge_l", "distinct")


def build(base: Weights, name: str, seed: int, decoder_layers: int | None) -> tuple[DiffRGenNet, dict[str, Any]]:
    """The network of one row, and what of it comes from WEIGHTS."""
    decoder = dict(base.network.config.decoder)
    decoder["num_hidden_layers"] = decoder_layers or decoder["num_hidden_layers"]
    plain = change(base.network.config, thresholds=None, label_prior=None, decoder=decoder)
    torch.manual_seed(seed)
    network = DiffRGenNet(plain if name == FULL else ablate(plain, name))
    own, old = network.state_dict(), base.network.state_dict()
    taken = {key: old[key] for key in own if is_taken(key) and key in old and old[key].shape == own[key].shape}
    network.load_state_dict(taken, strict=False)
    network.decoder.tie()
    parts = [key.partition(".")[0] for key in taken]
    fresh = {
        key.partition(".")[0] + (" cross-attention" if "crossattention" in key else "") for key in own.keys() - taken
    }
    origin = {
        "tensors from weights": {part: parts.count(part) for part in dict.fromkeys(parts)},
        "fresh": sorted(fresh),
    }
    return network.to(base.network.device), origin


def is_taken(key: str) -> bool:
    """Whether a tensor is to come from WEIGHTS."""
    return key.startswith(("encoder.", "retrieval.")) or (key.startswith("decoder.") and "crossattention" not in key)


def run(base: Weights, name: str, seed: int, splits: dict[str, Split], options: argparse.Namespace) -> dict[str, Any]:
    """Train one row with one seed."""
    started = time.perf_counter()
    network, origin = build(base, name, seed, options.decoder_layers)
    weights = Weights(network, base.views, base.tokenizer, {}, "")
    train, val = splits["train"], splits["val"]
    network.label_prior.copy_(start_prior(train.samples))
    steps = options.epochs * (len(train.samples) // options.batch + 1)
    stage = NetworkStage(weights, options.lr, steps, torch.Generator().manual_seed(seed), options.balance)
    drafter, epochs = open_drafter(weights, Decoding(beams=1)), list[dict[str, float]]()
    best: tuple[int, dict[str, Tensor], list[float] | None] | None = None
    for epoch in range(1, options.epochs + 1):
        losses = stage.epoch(train.samples, train.encoded, options.batch)
        with stage.average.applied():
            scores = validate(drafter, val.samples, val.encoded, stage)
            if best is None or scores["selection"] > max(e["selection"] for e in epochs):
                state = {key: value.clone() for key, value in network.state_dict().items()}
                best = epoch, state, network.config.thresholds
        epochs.append({**losses, **scores})
    assert best is not None
    facts = {
        "name": name,
        "seed": seed,
        "protocol": PROTOCOL,
        "flags": {flag: getattr(network.config, flag) for flag in FLAGS},
        "start": origin,
        "validation": epochs,
        "best_epoch": best[0],
        "seconds": round(time.perf_counter() - started, 1),
    }
    if "test" in splits:
        network.load_state_dict(best[1])
        network.config.thresholds = best[2]
        judge = open_drafter(weights, Decoding(beams=options.beams))
        network.eval()
        facts["test"] = score_drafts(judge, splits["test"].samples, splits["test"].encoded)
    return facts


def settings_of(options: argparse.Namespace, base: Weights, splits: dict[str, Split]) -> dict[str, Any]:
    """What all runs of a directory must have in common."""
    names = ("epochs", "batch", "lr", "balance", "copies", "decoder_layers", "beams")
    counts = {name: len(split.samples) for name, split in splits.items()}
    return {**{name: getattr(options, name) for name in names}, "studies": counts, "weights_sha256": base.sha256}


def load_run(path: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """A run that is done; None where it is not.

    Raises
    ------
    ResultsError : the file is damaged, or its run was another.
    """
    if not path.exists():
        return None
    found: dict[str, Any] = read(path)
    if not is_run(found):
        raise ResultsError(f"{path.name} is damaged: delete it to run it again.")
    if found["settings"] != settings:
        raise ResultsError(f"{path.name} was run with other settings: name another --out.")
    return found


def print_summary(runs: Sequence[dict[str, Any]]) -> None:
    """A line a row and split: mean over the seeds, and the distance of the extremes; which commits, if several."""
    print(f"{'run':<20}{'split':<6}{'seeds':>6}" + "".join(f"{name:>18}" for name in SHOWN))
    for name in dict.fromkeys(r["name"] for r in runs):
        own = [r for r in runs if r["name"] == name]
        for split in ("val", "test"):
            scores = [r["validation"][r["best_epoch"] - 1] if split == "val" else r.get("test") for r in own]
            if all(scores):
                columns = [[s[key] for s in scores] for key in SHOWN if all(key in s for s in scores)]
                cells = [f"{sum(c) / len(c):.3f} ({max(c) - min(c):.3f})" for c in columns]
                blank = [""] if split == "test" else []  # the selection is of validation alone
                print(f"{name:<20}{split:<6}{len(own):>6}" + "".join(f"{cell:>18}" for cell in blank + cells))
    if said := commits(runs):
        print(said)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--init", type=Path, required=True, help="weights directory to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=positive, default=6)
    parser.add_argument(
        "--only", nargs="+", choices=[FULL, "promptmrg", *ABLATIONS], default=list(NAMES), metavar="NAME"
    )
    parser.add_argument("--test", action="store_true", help="score the test split at the end of each run")
    parser.add_argument("--batch", type=at_least(2), default=16)
    parser.add_argument("--lr", type=rate, default=5e-4)
    parser.add_argument("--balance", type=share, default=0.0, help="as of cxrreport train")
    parser.add_argument("--copies", type=positive, default=1, help="variants of each film, the plain one included")
    parser.add_argument("--decoder-layers", type=positive, help="fewer layers of the decoder make all runs cheaper")
    parser.add_argument("--beams", type=positive, default=3, help="of the test split; validation is greedy")
    parser.add_argument("--limit", type=at_least(4), help="only this many studies of each split, to try things out")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what has not been run, seed by seed, and print the means."""
    options = parse(arguments)
    try:
        print_summary(run_all(options))
    except (CxrReportError, ResultsError) as error:
        sys.exit(str(error))


def run_all(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Run what has not been run, and give all of it.

    Raises
    ------
    CxrReportError, ResultsError : bad weights, device or dataset; --out cannot be made, or holds other or damaged runs.
    """
    base = load_weights(options.init, resolve_device(options.device))
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"--out cannot be made: {error.strerror}.") from None
    names = ["train", "val", *(["test"] if options.test else [])]
    drafter = open_drafter(base, Decoding(beams=1))
    splits = cache(options.out / "features.safetensors", drafter, read_splits(options.data, names, options.limit), options.copies)  # fmt: skip  # noqa: E501
    settings, runs = settings_of(options, base, splits), list[dict[str, Any]]()
    for seed in options.seeds:
        for name in options.only:
            path = options.out / f"{name}-{seed}.json"
            found = load_run(path, settings)
            if found is None:
                made = run(base, name, seed, splits, options)
                write_json(path, {**made, "settings": settings, "commit": commit()}, indent=1)
                found = made
                print(f"{name}-{seed}: best epoch {made['best_epoch']}, {made['seconds']} s", flush=True)
            runs.append(found)
    return runs


if __name__ == "__main__":
    main()
