"""What changed since the prior: F1 of the five changes, places, false change, and what a wrong prior does.

    python -m benchmarks.temporal [--films IU_XRAY] [--followups NIH] [--notes COVID] [--unlabelled HANNOVER]

Without directories it measures procedural pairs alone. IU X-Ray's test split gives the real images that lesions are inserted
into, the held-out fifth of NIH ChestX-ray14's patients the real follow-ups. Nothing is chosen on them; `_MARGIN` was on
validation pairs.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.arguments import make_parser, positive
from benchmarks.invariance import FILMS, measure_invariance
from benchmarks.pair_places import point, point_at_evidence
from benchmarks.pair_sets import SEED, PairSet, changed_sets, make_set, read_frontals, still_sets, wrong_patient
from benchmarks.pair_texts import measure_texts
from benchmarks.tables import as_row, write_rows
from benchmarks.temporal_page import temporal_page
from cxrreport.datasets.pairs.followups import hannover_pairs
from cxrreport.datasets.pairs.phantom import phantom_pairs
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.datasets.sample import Sample, make_sample
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import CxrReportError
from cxrreport.evaluation.temporal import classes, false_change, score_changes, score_presence
from cxrreport.model.comparer import Comparer
from cxrreport.model.drafter import Drafter
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.weights import load_weights
from cxrreport.training.pair_cache import Bank, EncodedPairs
from cxrreport.training.pair_stage import flip, read_all, said_classes

_MARGIN = 1.0  # log odds by which two single outputs must differ to say worsened or improved; best on validation pairs
_OPPOSITE = np.array([4, 3, 2, 1, 0, 5])  # resolved, improved, unchanged, worsened, new, absent
Said = tuple[np.ndarray, np.ndarray]  # joint states and changes, (n, 13)
Lines = list[dict[str, Any]]  # of a table


def alone(pairs: EncodedPairs) -> Said:
    """The difference of two outputs, each of one image alone: joint states and changes."""
    now, before = pairs.now.numpy(), pairs.before.numpy()
    joint = (now > 0) + 2 * (before > 0)
    direction = np.where(now - before > _MARGIN, 0, np.where(before - now > _MARGIN, 2, 1))
    return joint, classes(joint, direction)


def majority(pairs: EncodedPairs) -> Said:
    """What is commonest: every finding absent, and unchanged where it is in both images (which it knows)."""
    both = pairs.joint.numpy() == 3
    joint = np.where(both, 3, 0)
    return joint, classes(joint, np.ones_like(joint))


def together(network: TemporalNetwork, pairs: EncodedPairs) -> Said:
    """What the temporal network says."""
    return said_classes(read_all(network, pairs).calibrated(network.strictness.cpu(), network.steadiness.cpu()))


def ways(network: TemporalNetwork, one: PairSet) -> dict[str, Said]:
    """The rows of a table. What is left out is taken from the trained network, which has learnt to do without pixels alone."""
    nothing = torch.zeros_like(one.registered.registered)
    return {
        "majority class": majority(one.registered),
        "difference of two single outputs": alone(one.apart),
        "compared, films not registered": together(network, one.apart),
        "compared, pixels left out": together(network, replace(one.registered, registered=nothing)),
        "compared, patches of the prior left out": together(
            network, replace(one.registered, prior=one.registered.current)
        ),
        "compared": together(network, one.registered),
    }


def score(name: str, truth: EncodedPairs, said: Said) -> dict[str, float | None]:
    """F1 by change; of follow-ups whose direction nobody has read, new and resolved alone count."""
    if name == "nih":
        return {**score_presence(truth.joint.numpy(), said[0])}
    found = score_changes(classes(truth.joint.numpy(), truth.direction.numpy()), said[1])
    return {"macro": found.macro, "both": found.both, **found.each}


def measure_changes(network: TemporalNetwork, sets: Sequence[PairSet]) -> Lines:
    """F1 by set and way."""
    return [
        {"of": one.name, "pairs": len(one.pairs), "row": way, **score(one.name, one.registered, found)}
        for one in sets
        for way, found in ways(network, one).items()
    ]


def measure_still(network: TemporalNetwork, one: PairSet) -> dict[str, float]:
    """Share of pairs, and of findings, of which a change is said though there is none."""
    pairs, findings = false_change(together(network, one.registered)[1])
    single = false_change(alone(one.apart)[1])[0]
    return {"pairs": pairs, "findings": findings, "alone": single, "registered": share_registered(one)}


def share_registered(one: PairSet) -> float:
    """Share of the pairs whose prior was registered."""
    return float(one.registered.registered.float().mean())


def measure_wrong(network: TemporalNetwork, one: PairSet) -> dict[str, float]:
    """How often another patient's prior is registered, and turns a finding of the current image."""
    joint, change = together(network, one.registered)
    turned = ((joint == 1) | (joint == 3)) != (one.registered.now.numpy() > 0)
    return {
        "registered": share_registered(one),
        "findings of the current film turned": float(turned.mean()),
        "pairs with a change": false_change(change)[0],
    }


def measure_order(network: TemporalNetwork, one: PairSet) -> dict[str, float]:
    """Of the findings of which a change is said, the share of which the opposite is said of the images in the other order."""
    turned = flip(one.registered, torch.ones(len(one.registered), dtype=torch.bool))
    said, back = (together(network, pairs)[1] for pairs in (one.registered, turned))
    changed = (said != 2) & (said != 5)
    agreed = float((back == _OPPOSITE[said])[changed].mean()) if changed.any() else 0.0
    changes = float(changed.sum(1).mean())
    return {"pairs": len(one.pairs), "registered": share_registered(one), "changes a pair": changes, "agreed": agreed}


def measure(options: argparse.Namespace) -> dict[str, Lines]:
    """All figures of one weights directory, by table."""
    weights = load_weights(options.weights)
    drafter, comparer = open_drafter(weights), Comparer(weights)
    network, workers = comparer.network, len(os.sched_getaffinity(0))
    samples = read_frontals(options.films, "test", options.limit) if options.films else []
    bank = _bank(drafter, options.films)
    drawn = changed_sets(options.phantoms, samples, options.followups, options.notes)
    sets = [make_set(name, list(pairs), drafter, bank, workers) for name, pairs in drawn.items()]
    held = samples or [_as_sample(p) for p in phantom_pairs(options.phantoms, SEED + 1)]
    still = [make_set(name, list(pairs), drafter, bank, workers) for name, pairs in still_sets(held).items()]
    real = next((one for one in sets if one.name == "inserted"), sets[0])
    wrong = make_set("wrong", wrong_patient(real.pairs), drafter, bank, workers)
    found = {
        "changes": measure_changes(network, sets),
        "places": _lines({one.name: point(network, one) for one in sets if any(p.boxes for p in one.pairs)}),
        "texts": _lines({one.name: measure_texts(drafter, comparer, one, bank) for one in sets}),
        "order": _lines({"": {one.name: measure_order(network, one) for one in sets}}),
        "still": _lines({"": {one.name: measure_still(network, one) for one in still}}),
        "wrong": [{"of": "", "row": row, "share": share} for row, share in measure_wrong(network, wrong).items()],
    }
    if options.unlabelled:
        unlabelled = make_set("hannover", list(hannover_pairs(options.unlabelled)), drafter, bank, workers)
        found["order"] += _lines({"": {"hannover": measure_order(network, unlabelled)}})
    if options.followups:
        found["evidence"] = _lines({"": point_at_evidence(drafter, options.followups, "held out")})
    return {name: [{"weights": weights.sha256[:12], **line} for line in lines] for name, lines in found.items()}


def invariance(options: argparse.Namespace) -> dict[str, Lines]:
    """The table of invariants alone."""
    weights = load_weights(options.weights)
    lines = measure_invariance(open_drafter(weights), options.followups, options.limit or FILMS)
    return {"invariance": [{"weights": weights.sha256[:12], **line} for line in lines]}


def evidence(options: argparse.Namespace) -> dict[str, Lines]:
    """The table of evidence alone, of a split."""
    weights = load_weights(options.weights)
    lines = _lines({options.evidence: point_at_evidence(open_drafter(weights), options.followups, options.evidence)})
    return {"evidence": [{"weights": weights.sha256[:12], **line} for line in lines]}


def _lines(found: dict[str, dict[str, dict[str, float]]]) -> Lines:
    """Figures by what they are of and row."""
    return [{"of": of, "row": row, **values} for of, rows in found.items() for row, values in rows.items()]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", type=Path, help="weights directory (default: those of the package)")
    parser.add_argument(
        "--films", type=Path, metavar="DIRECTORY", help="IU X-Ray, for lesions inserted into real films"
    )
    parser.add_argument(
        "--followups", type=Path, metavar="DIRECTORY", help="NIH ChestX-ray14, for follow-ups and boxes"
    )
    parser.add_argument(
        "--notes", type=Path, metavar="DIRECTORY", help="covid-chestxray-dataset, for follow-ups in notes"
    )
    parser.add_argument("--unlabelled", type=Path, metavar="DIRECTORY", help="Hannover's repository, for consistency")
    parser.add_argument("--phantoms", type=positive, default=200, help="procedural pairs (default 200)")
    parser.add_argument("--limit", type=positive, help="only this many real films")
    parser.add_argument(
        "--invariance", action="store_true",
        help="only what a prior without any change moves in the table of a film; needs --followups",
    )  # fmt: skip
    parser.add_argument(
        "--evidence", choices=("val", "held out"),
        help="only whether evidence lies in radiologists' boxes, of this split; needs --followups",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIRECTORY", help="write the figures there as compact tables")
    options = parser.parse_args(arguments)
    if (options.invariance or options.evidence) and not options.followups:
        parser.error("--invariance and --evidence need --followups")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    options = _parse(arguments)
    try:
        found = (invariance if options.invariance else evidence if options.evidence else measure)(options)
    except CxrReportError as error:
        print(error.message, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        tables = options.out or Path(folder)
        for name, lines in found.items():
            write_rows(tables / f"{name}.csv", [as_row(line) for line in lines])
        print(temporal_page(tables), end="")
    return 0


def _bank(drafter: Drafter, directory: Path | None) -> Bank:
    """Reports to retrieve from while images are read: those that the weights have learnt from, else made-up ones."""
    known = read_frontals(directory, "train", None) if directory else draw_phantoms(100, SEED)
    return Bank(drafter.embed_texts([s.summary for s in known]), [s.patient for s in known])


def _as_sample(pair: PairSample) -> Sample:
    return make_sample(pair.key, pair.patient, [pair.current, None], pair.report, "")


if __name__ == "__main__":
    sys.exit(main())
