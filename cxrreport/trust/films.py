"""`cxrreport evaluate --films`: what drafts would say of labelled films without reports, beside their labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxrreport.datasets.experts import EXPERT_FINDINGS, FILE, read_experts
from cxrreport.datasets.nih import FILM_READERS, LABELS, Film, open_film
from cxrreport.datasets.pairs.nih import PAIRS, read_follow_ups
from cxrreport.datasets.sample import Reader, Sample, left_out
from cxrreport.datasets.splits import drawn, read_whole
from cxrreport.drafting.drafter import open_drafter
from cxrreport.errors import UsageError
from cxrreport.evaluation.counts import DRAWS, LEVEL
from cxrreport.evaluation.experts import expert_rows
from cxrreport.evaluation.films import Judged, false_alarms, finding_rows, mean_area, often
from cxrreport.evaluation.subgroups import UNKNOWN, age_band, subgroup_rows
from cxrreport.findings import FINDINGS, State
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.log import Progress
from cxrreport.model.calibration import Calibration, group_of
from cxrreport.model.drafter import Drafter
from cxrreport.model.manifest import NETWORK
from cxrreport.model.weights import load_weights, resolve_device
from cxrreport.records import ADULT
from cxrreport.trust.collections import Bank, score_collection
from cxrreport.trust.followups import compare_follow_ups, measure_follow_ups
from cxrreport.trust.score_file import recall, remember

_FILMS = 256  # scored before they are kept
SPLITS = {"train": "train", "val": "val", "test": "held out"}  # of reports, and of the patients of films


@dataclass(frozen=True, slots=True)
class FilmOptions:
    """What was asked for. read : reports of whose train split the network retrieves; None: it retrieves nothing.

    limit : films, pairs : follow-ups that are drawn by a fixed rule, as far as there are so many. keep : directory in which
    scores are kept for the next time.
    """

    name: str
    directory: Path
    split: str = "test"
    read: Reader | None = None
    weights: Path | None = None
    device: str = "auto"
    limit: int | None = None
    pairs: int = 0
    seed: int = 0
    keep: Path | None = None

    def __post_init__(self) -> None:
        """Refuse films that nobody can read.

        Raises
        ------
        UsageError
        """
        if self.name not in FILM_READERS:
            raise UsageError(f"Known films: {', '.join(FILM_READERS)}.")

    def place(self, kind: str, *of: str) -> Path | None:
        """File that numbers of a kind are kept in."""
        if self.keep is None:
            return None
        return self.keep / f"{'-'.join((kind, self.name, self.split, *of)).replace(' ', '-')}.csv"


def evaluate_films(options: FilmOptions, progress: Progress) -> dict[str, Any]:
    """Score the films of a split of adults, and its follow-ups.

    Raises
    ------
    UsageError : bad data, no film, or weights that were never calibrated. WeightsError, UnavailableError : as for drafting.
    """
    drafter = open_drafter(load_weights(options.weights, resolve_device(options.device)))
    calibration = drafter.weights.calibration
    if calibration is None:
        raise UsageError("The weights say no probabilities yet: run `cxrreport calibrate --weights` first.")
    everything = list(FILM_READERS[options.name](options.directory, SPLITS[options.split]))
    adults = [film for film in everything if film.age is None or film.age >= ADULT]
    films = drawn(adults, [film.key for film in adults], options.limit)
    if not films:
        raise UsageError("The split has no film of an adult.", "usage.few_studies")
    judged = judge(films, _scores(drafter, films, options, progress), calibration)
    draws = judged.draws(options.seed)
    views = np.array([group_of(film.view) for film in films])
    follow_ups = _follow_ups(drafter, calibration, {film.path for film in adults}, options, progress)
    return {
        **_facts(options, drafter, calibration, judged, len(everything) - len(adults), follow_ups is not None),
        "findings": finding_rows(judged),
        "mean_auc": mean_area(judged, often(judged), draws),
        "false_alarms": {
            view: false_alarms(judged.take(views == view), draws[:, views == view])
            for view in np.unique(views).tolist()
        },
        "subgroups": subgroup_rows(judged, _groups(films, views.tolist(), options.name), options.seed),
        "experts": _experts(judged, films, options.directory),
        "followups": follow_ups,
    }


def judge(films: Sequence[Film], scores: np.ndarray, calibration: Calibration) -> Judged:
    """Films with the probabilities and states that a table of findings gives them. scores (n, 14)"""
    probabilities, states = calibration.apply_all(scores, [film.view for film in films])
    table = np.array(states, object)
    return Judged(
        scores, probabilities, table == State.POSITIVE, table == State.NEGATIVE,
        np.stack([film.positive for film in films]), np.stack([film.known for film in films]),
        np.array([film.patient for film in films]),
    )  # fmt: skip


def _scores(drafter: Drafter, films: Sequence[Film], options: FilmOptions, progress: Progress) -> np.ndarray:
    """Scores (n, 14), those that are kept as they were; what is made is kept as it goes along."""
    network = str(drafter.weights.manifest["files"][NETWORK])
    train = read_whole(options.read, ["train"])["train"] if options.read else []
    of = (options.read.name if options.read else "alone", network[:12], _digest(options.directory / LABELS, train))
    place = options.place("scores", *of)
    known = recall(place, len(FINDINGS))
    missing = [film for film in films if film.key not in known]
    bank = _bank(drafter, train) if missing else None
    for start in range(0, len(missing), _FILMS):
        chunk = missing[start : start + _FILMS]
        made = score_collection(drafter, options.name, map(open_film, chunk), bank, progress)
        known |= {film.key: tuple(row) for film, row in zip(chunk, made.scores.tolist(), strict=True)}
        remember(place, known)
    return np.array([known[film.key] for film in films], np.float64)


def _digest(table: Path, train: Sequence[Sample] = ()) -> str:
    """Of what numbers rest on that are kept, beside the network: the table of the films, their preprocessing, the reports."""
    films = hashlib.sha256(table.read_bytes()).hexdigest()
    facts = [films, PREPROCESS_VERSION, [[s.key, s.patient, s.summary] for s in train]]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _bank(drafter: Drafter, train: Sequence[Sample]) -> Bank | None:
    return Bank(drafter.embed_texts([s.summary for s in train]), [s.patient for s in train]) if train else None


def _groups(films: Sequence[Film], views: Sequence[str], name: str) -> Mapping[str, Sequence[str]]:
    return {
        "sex": [film.sex or UNKNOWN for film in films],
        "age": [age_band(film.age) for film in films],
        "view": views,
        "collection": [name] * len(films),
    }


def _experts(judged: Judged, films: Sequence[Film], directory: Path) -> dict[str, dict[str, Any]]:
    if not (directory / FILE).exists():
        return {}
    return expert_rows(judged, [film.key for film in films], dict(read_experts(directory)), EXPERT_FINDINGS)


def _follow_ups(
    drafter: Drafter, calibration: Calibration, adults: Collection[Path], options: FilmOptions, progress: Progress
) -> dict[str, Any] | None:  # fmt: skip
    """None where there are no follow-ups, none is asked for, or the weights compare none."""
    table = options.directory / PAIRS
    if not options.pairs or drafter.weights.temporal is None or not table.exists():
        return None
    there = [p for p in read_follow_ups(options.directory, SPLITS[options.split]) if p.current in adults]
    pairs = drawn(there, [pair.key for pair in there], options.pairs)
    if not pairs:
        return None
    place = options.place("pairs", drafter.weights.sha256[:12], _digest(table))
    read = compare_follow_ups(drafter, pairs, place, progress)
    return measure_follow_ups(pairs, read, calibration, options.seed)


def _facts(
    options: FilmOptions, drafter: Drafter, calibration: Calibration, judged: Judged, children: int, compared: bool
) -> dict[str, Any]:  # fmt: skip
    """What every table has to name."""
    name = f"{options.name} {SPLITS[options.split]}"
    fitted = name in [one["name"] for one in calibration.document.get("data", [])]
    notes = {
        f"{children} films of patients under {ADULT} are left out: `generate` leaves them out, too.": children > 0,
        "A part of the split: no score of the whole.": options.limit is not None,
        "The calibration was fitted to these films: ECE, Brier score and bounds are better here than on others.": fitted,
        "What is learnt from pairs or fitted to them may know these follow-ups.": compared and options.split != "test",
    }
    return {
        "films": options.name,
        "split": SPLITS[options.split],
        "count": len(judged),
        "patients": len(set(judged.patients.tolist())),
        "limit": options.limit,
        "skipped": left_out(options.read),
        "bank": f"{options.read.name} train" if options.read else None,
        "weights_sha256": drafter.weights.sha256,
        "calibration_sha256": calibration.sha256,
        "bootstrap": {"draws": DRAWS, "level": LEVEL, "seed": options.seed, "of": "patients"},
        "notes": [note for note, holds in notes.items() if holds],
    }
