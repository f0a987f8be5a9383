"""`cxrreport evaluate`: drafts of a labelled split beside what a drafting model has to beat, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxrreport.datasets.sample import Reader, Sample, left_out
from cxrreport.datasets.splits import read_whole
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import UsageError
from cxrreport.evaluation.candidates import (
    ALONE,
    BASELINES,
    Drafted,
    Splits,
    baseline_texts,
    calibrated,
    draft,
    stored_texts,
)
from cxrreport.evaluation.clinical import Floats
from cxrreport.evaluation.counts import DRAWS, LEVEL, draw_counts
from cxrreport.evaluation.curves import draw_curves
from cxrreport.evaluation.films import Judged
from cxrreport.evaluation.labeller import Labeller, make_labeller
from cxrreport.evaluation.meteor import score_meteor
from cxrreport.evaluation.protocols import Protocol, protocol
from cxrreport.evaluation.published import published_rows
from cxrreport.evaluation.reliability import by_finding, compare
from cxrreport.evaluation.rows import OURS, Tables, score_rows
from cxrreport.evaluation.scoring import score_states, state_intervals
from cxrreport.evaluation.subgroups import subgroup_rows
from cxrreport.findings import FINDINGS, State
from cxrreport.model.calibration import Calibration
from cxrreport.model.config import POSITIVE
from cxrreport.model.generation import Decoding
from cxrreport.model.weights import Weights, load_weights, resolve_device

VIEWS = ("frontal", "lateral")


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What `cxrreport evaluate` was asked for. `beside`: names and weights directories of further rows;
    `curves`: the directory that the reliability curves are written into.
    """

    read: Reader
    split: str = "test"
    weights: Path | None = None
    protocol: str = "C"
    beams: int = 3
    device: str = "auto"
    limit: int | None = None
    beside: tuple[tuple[str, Path], ...] = ()
    chexbert: Path | None = None
    seed: int = 0
    curves: Path | None = None

    def __post_init__(self) -> None:
        """Refuse names of rows that are taken.

        Raises
        ------
        UsageError
        """
        names = [OURS, *BASELINES, *(name for name, _ in self.beside)]
        if len(set(names)) < len(names) or not all(names):
            raise UsageError("Each name of --beside must be its own and none of the rows that are always there.")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`document` for JSON, and the texts behind it: keys and references of the studies, drafts by row."""

    document: dict[str, Any]
    keys: list[str]
    references: list[str]
    texts: dict[str, list[str]]


def evaluate(options: EvaluateOptions) -> Evaluation:
    """Score one split; the bank and the baselines come from the train split, the constant report is chosen on val.

    Raises
    ------
    UsageError : bad dataset. UnavailableError : no such device. WeightsError : weights, also CheXbert's, that do not fit.
    """
    device = resolve_device(options.device)
    labeller = make_labeller(options.chexbert, device)
    weights = load_weights(options.weights, device)
    beside = {name: load_weights(path, device) for name, path in options.beside}
    splits = _read_splits(options)
    train, _, samples = splits
    form = protocol(options.protocol, [s.report for s in train])
    drafter = open_drafter(weights, Decoding(beams=options.beams))
    drafted = draft(drafter, train, samples)
    stored = stored_texts(drafted, train, weights.calibration)
    own = drafted.tables(weights.calibration)
    rivals = {name: _rival(other, options.beams, train, samples) for name, other in beside.items()}
    texts = {
        OURS: [text for text, _ in stored],
        ALONE: drafted.texts,
        **{name: said for name, (said, _) in rivals.items()},
        **baseline_texts(drafter, drafted, splits, form, options.seed),
    }
    tables = {name: rivals[name][1] if name in rivals else own for name in texts}
    spoken = {name: [form.hypothesis(text) for text in drafts] for name, drafts in texts.items()}
    references = [form.reference(s.report) for s in samples]
    counts = draw_counts(len(samples), options.seed)
    document = {
        **_facts(options, form, labeller, len(train), len(samples)),
        "weights_sha256": weights.sha256,
        "weights": describe(weights),
        "beside": {name: {"sha256": other.sha256, **describe(other)} for name, other in beside.items()},
        **score_rows(texts, tables, spoken, references, labeller, train, samples, counts),
        **_score_table(drafted, own, weights.calibration, samples, counts, options),
        "flags": _count_flags(stored),
        "published": published_rows() if _comparable(options) else [],
    }
    meteor, document["meteor"] = score_meteor(spoken, references)
    for name, row in document["rows"].items():
        row["meteor"] = meteor.get(name)
    return Evaluation(document, [s.key for s in samples], [s.report for s in samples], texts)


def _read_splits(options: EvaluateOptions) -> Splits:
    """All of train and val, and what is scored of the split."""
    found = read_whole(options.read, {"train", "val", options.split})
    return Splits(found["train"], found["val"], found[options.split][: options.limit])


def _score_table(
    drafted: Drafted, tables: Tables, calibration: Calibration | None, samples: Sequence[Sample], counts: Floats,
    options: EvaluateOptions,
) -> dict[str, Any]:  # fmt: skip
    """What the table of findings is worth, whatever the text says; draws its curves where that was asked for."""
    truth = np.stack([s.states for s in samples])
    positive, known = truth == POSITIVE, np.ones(truth.shape, bool)  # what a report leaves out is held to be absent
    scores, probabilities = calibrated(drafted.drafts, calibration)
    if options.curves is not None:
        before, after = (by_finding(one, positive, known) for one in (scores, probabilities))
        draw_curves(before, after, options.curves / "reliability.png")
    return {
        "states": score_states(drafted.drafts, truth),
        "state_intervals": state_intervals(drafted.drafts, truth, counts),
        "positives": dict(zip(FINDINGS, positive.sum(0).tolist(), strict=True)),
        "reliability": compare(scores, probabilities, positive, known),
        "subgroups": _subgroups(scores, probabilities, tables, samples, options),
    }


def _subgroups(
    scores: Floats, probabilities: Floats, tables: Tables, samples: Sequence[Sample], options: EvaluateOptions
) -> list[dict[str, Any]]:  # fmt: skip
    """What the table says by all that is known of a study: which views it has, and its collection."""
    states = np.array([[table[finding] for finding in FINDINGS] for table in tables], object)
    judged = Judged(
        scores, probabilities, states == State.POSITIVE, states == State.NEGATIVE, np.stack([s.positive for s in samples]),
        np.stack([s.known for s in samples]), np.array([s.patient for s in samples]),
    )  # fmt: skip
    views = [" and ".join(v for v, there in zip(VIEWS, s.present, strict=True) if there) for s in samples]
    return subgroup_rows(judged, {"view": views, "collection": [options.read.name] * len(samples)}, options.seed)


def _rival(
    weights: Weights, beams: int, train: Sequence[Sample], samples: Sequence[Sample]
) -> tuple[list[str], Tables]:
    """Texts as other weights would have them stored, and their own tables."""
    drafted = draft(open_drafter(weights, Decoding(beams=beams)), train, samples)
    said = [text for text, _ in stored_texts(drafted, train, weights.calibration)]
    return said, drafted.tables(weights.calibration)


def _facts(options: EvaluateOptions, form: Protocol, labeller: Labeller, bank: int, studies: int) -> dict[str, Any]:
    """What every table has to name."""
    return {
        "protocol": form.name,
        "protocol_says": form.says,
        "notes": [] if options.limit is None else ["A part of the split: no score of the whole."],
        "dataset": options.read.name,
        "split": options.split,
        "studies": studies,
        "limit": options.limit,
        "skipped": left_out(options.read),
        "bank": bank,
        "beams": options.beams,
        "labels": labeller.source,
        "bootstrap": {"draws": DRAWS, "level": LEVEL, "seed": options.seed},
    }


def describe(weights: Weights) -> dict[str, Any]:
    """Where weights come from, and the network's configuration without what is learnt or follows from the data."""
    manifest = weights.manifest
    facts = {key: manifest.get(key) for key in ("name", "config", "seed", "data", "command", "created_at")}
    network = weights.network.config.to_diff_dict()
    learnt = ("label_prior", "thresholds", "transformers_version")
    return {**facts, "network": {key: value for key, value in network.items() if key not in learnt}}


def _comparable(options: EvaluateOptions) -> bool:
    """Published rows stand only beside what was measured as they were: protocol, dataset, the whole test split."""
    asked = (options.protocol, options.read.name, options.split, options.limit)
    return asked == ("R", "iu-xray", "test", None)


def _count_flags(stored: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, int]:
    """Studies whose stored text carries each flag, and those for which there is none."""
    flags = Counter(flag for _, own in stored for flag in own)
    return {**dict(sorted(flags.items())), "invalid": sum(not text for text, _ in stored)}
