"""Errors against the share of studies that are abstained from, by each score, and how often foreign films are abstained from.

    python -m benchmarks.abstention --iu IU-XRAY --nih NIH [--weights W] [--limit 300] [--foreign PATH ...]

Drafts of the val split of IU X-Ray are judged beside the signed reports, tables of findings of NIH's validation patients
beside their labels. The studies with the highest score are left out first; a row tells what is left of the errors of all
studies, per study, in per cent: 100 is random abstention, whose 95 % range stands beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.arguments import make_parser, positive
from cxrreport.datasets.directory import DirectoryReader
from cxrreport.datasets.disk import read_film
from cxrreport.datasets.nih import LabelledImage, open_film, read_nih_films
from cxrreport.datasets.sample import Sample
from cxrreport.datasets.splits import drawn
from cxrreport.drafting.abstain import doubt
from cxrreport.drafting.confidence import beam_states
from cxrreport.drafting.drafter import hasten, open_drafter, upright_reader
from cxrreport.drafting.known import know
from cxrreport.drafting.table import Rows, film_rows
from cxrreport.drafting.text import final_text
from cxrreport.drafting.wording_file import default_wording
from cxrreport.errors import InputError, UsageError
from cxrreport.evaluation.mistakes import judge, tell
from cxrreport.findings import PATHOLOGY, State
from cxrreport.imaging.upright import Upright
from cxrreport.model.drafter import Drafter, NetworkDraft
from cxrreport.model.weights import load_weights
from cxrreport.records import PreparedStudy, View
from cxrreport.reports.claims import read
from cxrreport.trust.collections import Bank
from cxrreport.trust.policy import Abstain, default_policy

SCORES = ("distance", "doubt", "either", "contradictions of beams")
SHARES = (0.01, 0.02, 0.05, 0.10, 0.20)
_DRAWS, _BATCH = 2000, 8
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """n studies: scores by name (n,), and errors of each by kind (n,)."""

    scores: Mapping[str, Floats]
    errors: Mapping[str, Floats]


def left(score: Floats, errors: Floats, share: float) -> float:
    """Errors per study that is left, against those per study of all, in per cent; of equal scores the first go first."""
    kept = np.argsort(-score, kind="stable")[round(share * len(score)) :]
    return float(100 * errors[kept].mean() / errors.mean())


def by_chance(errors: Floats, share: float) -> tuple[float, float]:
    """95 % range of `left` where the studies are left out at random."""
    rng = np.random.default_rng(0)
    found = [left(rng.random(len(errors)), errors, share) for _ in range(_DRAWS)]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _drafted(
    drafter: Drafter, samples: Iterator[Sample | LabelledImage], bank: Bank
) -> Iterator[tuple[Sample | LabelledImage, NetworkDraft, Rows, float, list[int]]]:
    """Each study with the draft of the network, its table, its distance, and the rows of the bank that it retrieved."""
    while batch := list(islice(samples, _BATCH)):
        features = drafter.encode([PreparedStudy(s.pixels[0], s.pixels[1] if s.present[1] else None) for s in batch])
        near = np.argsort(-(drafter.queries(features)["text"] @ bank.vectors.T), axis=1)[:, : drafter.retrieved]
        said = drafter.indications([getattr(s, "indication", "") for s in batch])
        drafts = drafter.draft(features, bank.vectors[near], np.ones(near.shape, bool), indication=said)
        for sample, draft, far, rows in zip(batch, drafts, drafter.distances(features), near.tolist(), strict=True):
            assert far is not None
            table = film_rows(draft.states, drafter.weights.calibration, getattr(sample, "view", View.FRONTAL))
            yield sample, draft, table, far, rows


def _score(
    drafter: Drafter,
    samples: Iterator[Sample | LabelledImage],
    bank: Bank,
    reports: Mapping[str, str],
    train: Sequence[Sample],
) -> Ranked:
    """Scores and errors of studies. reports : signed text by key, where there is one."""
    rule, rows = default_policy().abstain, []
    for sample, draft, table, far, near in _drafted(drafter, samples, bank):
        wrong = [(row.state is State.POSITIVE) != there for row, there in zip(table, sample.positive, strict=True)]
        states = sum(np.array(wrong)[PATHOLOGY] & sample.known[PATHOLOGY])
        text = final_text(draft, know(table), [train[i].report for i in near], default_wording(), sample.key)[0]
        told = judge(tell(text), tell(read(reports[sample.key]))) if sample.key in reports else []
        undecided = doubt(table)
        either = max(far / rule.distance, undecided / rule.doubt)
        actionable = sum(one.changes_what_is_done for one in told)
        rows.append((far, undecided, either, contradictions(table, beam_states(draft)), states, actionable))
    *scores, wrong_states, actionable_errors = np.array(rows, float).T
    errors = {"wrong states": wrong_states} | ({"actionable errors": actionable_errors} if reports else {})
    return Ranked(dict(zip(SCORES, scores, strict=True)), errors)


def contradictions(table: Rows, beams: Sequence[Mapping[str, State]]) -> float:
    """Share of what beams assert or deny of which the table says the opposite; no reason to abstain, as the figures show."""
    opposite = {State.POSITIVE, State.NEGATIVE}
    states = {row.finding: row.state for row in table}
    told = [(states[finding], said) for beam in beams for finding, said in beam.items() if finding in states]
    return sum({one, other} == opposite for one, other in told) / max(len(told), 1)


def _print_curves(name: str, found: Ranked, rule: Abstain) -> None:
    far, undecided = found.scores["distance"], found.scores["doubt"]
    print(f"\n{name}: {len(far)} studies; beyond the bounds: distance {np.mean(far > rule.distance):.1%},"
          f" doubt {np.mean(undecided > rule.doubt):.1%},"
          f" either {np.mean((far > rule.distance) | (undecided > rule.doubt)):.1%}")  # fmt: skip
    for kind, errors in found.errors.items():
        print(f"{kind}, {errors.mean():.3f} a study | abstained from " + " | ".join(f"{s:.0%}" for s in SHARES))
        for score, values in found.scores.items():
            print(f"  {score} | " + " | ".join(f"{left(values, errors, share):.0f}" for share in SHARES))
        chance = [by_chance(errors, share) for share in SHARES]
        print("  at random | " + " | ".join(f"{low:.0f} to {high:.0f}" for low, high in chance))


def _print_foreign(drafter: Drafter, upright: Upright | None, places: Sequence[Path], rule: Abstain) -> None:
    print("\nfilms | read | beyond the bound of distance | flagged by how they lie | either | median distance")
    for place in places:
        paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        rows = []
        for path in paths:
            try:
                pixels = read_film(path)
            except (UsageError, InputError):
                continue
            (far,) = drafter.distances(drafter.encode([PreparedStudy(pixels, None)]))
            lie = upright.look(pixels) if upright else None
            rows.append((far, bool(lie and (lie.unusual or lie.mirrored or lie.cropped))))
        if rows:
            far, odd = np.array(rows, float).T
            beyond = far > rule.distance
            said = (f"{beyond.mean():.1%}", f"{odd.mean():.1%}", f"{(beyond | (odd > 0)).mean():.1%}")
            print(f"{place.name} | {len(rows)} | {' | '.join(said)} | {np.median(far):.2f}")


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--iu", type=Path, required=True)
    parser.add_argument("--nih", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--limit", type=positive, default=300, help="studies of each collection")
    parser.add_argument(
        "--foreign", type=Path, nargs="*", default=[], help="films, or folders of films, of other kinds"
    )
    _measure(parser.parse_args())


def _measure(options: argparse.Namespace) -> None:
    drafter, rule = open_drafter(load_weights(options.weights)), default_policy().abstain
    if drafter.weights.reference is None:
        raise SystemExit(
            "The weights know no groups of training films: run `cxrreport calibrate --reference-only` first."
        )
    upright = upright_reader(drafter.weights)
    hasten(drafter)
    read_iu = DirectoryReader("iu-xray", options.iu)
    train, val = read_iu("train"), [one for one in read_iu("val") if one.present[0]]
    bank = Bank(drafter.embed_texts([one.summary for one in train]), [one.patient for one in train])
    studies = drawn(val, [one.key for one in val], options.limit)
    found = _score(drafter, iter(studies), bank, {one.key: f"{one.report} {one.summary}" for one in studies}, train)
    _print_curves("IU X-Ray val", found, rule)
    films = list(read_nih_films(options.nih, "val"))
    images = map(open_film, drawn(films, [film.key for film in films], options.limit))
    _print_curves("NIH validation patients", _score(drafter, images, bank, {}, train), rule)
    _print_foreign(drafter, upright, options.foreign, rule)


if __name__ == "__main__":
    main()
