"""Pairs made from single real images: two copies, filmed twice as it were, and what was done to them in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from cxrreport.datasets.pairs.sample import Box, PairSample, Truth
from cxrreport.datasets.pairs.timelines import Visits, random_days, random_visits, truth_of_visits
from cxrreport.datasets.sample import Sample
from cxrreport.findings import FINDINGS, State, implied_by
from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.canvas import Layer, blurred
from cxrreport.phantoms.inserted.change_boxes import SHARE, boxes_of, halves
from cxrreport.phantoms.inserted.chest import Chest, X, survey
from cxrreport.phantoms.inserted.insertion import MOVING, insert
from cxrreport.phantoms.inserted.lungs import find_lungs
from cxrreport.phantoms.inserted.retake import Retake
from cxrreport.phantoms.painters import PAINTERS
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.report_text import write_report_text

_STATES = tuple(State)
_LEAST = 0.04  # grey value 0..1 of the strongest change that a reader sees
_CORE = 0.4  # of the largest change of a central shadow, which moves the lungs beside it: what counts as changed
_CENTRAL = ("cardiomegaly", "enlarged cardiomediastinum")


def identical_pairs(samples: Iterable[Sample], seed: int) -> Iterator[PairSample]:
    """Two retakes of each frontal image, on which nothing changed; the same seed gives the same pairs.

    Samples without a frontal image are passed over.
    """
    for number, sample in enumerate(samples):
        if sample.present[0]:
            rng = np.random.default_rng([seed, number, 62])
            grey = sample.pixels[0].astype(np.float32) / 255
            prior, current = (preprocess(Retake.random(rng).take(grey)) for _ in range(2))
            yield PairSample(
                f"identical-{sample.key}", sample.patient, current, prior, *_truth(sample), (), random_days(rng),
                place="identical",
            )  # fmt: skip


def inserted_pairs(samples: Iterable[Sample], count_per_film: int, seed: int) -> Iterator[PairSample]:
    """Make `count_per_film` pairs of every frontal image on which both lungs are found; the same seed, the same pairs.

    Lesions of findings that the image does not show are new, worse, better, gone or as before between the two retakes;
    what it shows itself is unchanged. In about 15 % of the pairs nothing changes. The reports tell of what was
    inserted; where the image's own report asserts or doubts anything they are empty, for nobody knows where it lies.
    """
    for number, sample in enumerate(samples):
        lungs = find_lungs(sample.pixels[0]) if sample.present[0] else None
        if lungs is None or len(lungs.found) < 2:
            continue
        chest = survey(sample.pixels[0], lungs)
        for repeat in range(count_per_film):
            yield _pair(sample, repeat, chest, np.random.default_rng([seed, number, repeat, 63]))


def _pair(sample: Sample, repeat: int, chest: Chest, rng: np.random.Generator) -> PairSample:
    shape_seed = int(rng.integers(2**31))
    then, later = Retake.random(rng), Retake.random(rng)
    visits, changes, images = _visible(chest, random_visits(rng, insertable(sample)), shape_seed)
    before, now = [one.before for one in visits if one.before], [one.now for one in visits if one.now]
    written = not stated(sample, State.POSITIVE) and not stated(sample, State.UNCERTAIN)
    return PairSample(
        f"inserted-{sample.key}-{repeat}", sample.patient, preprocess(later.take(images[1])), preprocess(then.take(images[0])),
        *_truth(sample, visits), _boxes(chest, later, changes), random_days(rng),
        write_report_text(now, before, rng)[0] if written else "",
        write_report_text(before, None, rng)[0] if written else "", "inserted",
    )  # fmt: skip


def insertable(sample: Sample) -> list[str]:
    """Findings that can be inserted: neither asserted nor doubted by the report, nor implied by what it asserts."""
    there = stated(sample, State.POSITIVE)
    implied = implied_by(there)
    taken = implied | set(there) | set(stated(sample, State.UNCERTAIN))
    return [finding for finding in PAINTERS if finding not in taken]


def _visible(
    chest: Chest, visits: list[Visits], seed: int
) -> tuple[list[Visits], list[tuple[Visits, Layer]], tuple[Layer, Layer]]:
    """The lesions without those whose change does not show, the change of each other one, and both images."""
    kept = list(visits)
    changes: list[tuple[Visits, Layer]] = []
    current = _drawn(chest, [one.now for one in kept], seed)
    for one in [one for one in visits if one.changed]:
        change = current - _drawn(chest, [other.before if other is one else other.now for other in kept], seed)
        if np.abs(change).max() >= _LEAST:
            changes.append((one, change))
        else:
            kept.remove(one)
            current = _drawn(chest, [other.now for other in kept], seed)
    return kept, changes, (_drawn(chest, [one.before for one in kept], seed), current)


def _drawn(chest: Chest, lesions: Sequence[Lesion | None], seed: int) -> Layer:
    return insert(chest, [lesion for lesion in lesions if lesion], seed)


def _boxes(chest: Chest, retake: Retake, changes: list[tuple[Visits, Layer]]) -> tuple[Box, ...]:
    """Where each change lies on the image as it was taken again."""
    across = retake.move(X - np.float32(chest.middle) + np.float32(0.5), bordered=False)
    found = []
    for one, change in changes:
        name = one.lesion.finding
        moved = retake.move(blurred(change, MOVING.get(name, 0.8)), bordered=True)
        share = _CORE if name in _CENTRAL else SHARE
        places = boxes_of(moved, halves(one.lesion.side, across), _LEAST / 4, share)
        found += [(FINDINGS.index(name), *place) for place in places]
    return tuple(found)


def _truth(sample: Sample, visits: Sequence[Visits] = ()) -> Truth:
    """What is inserted, beside what the report of the image says that it shows itself."""
    return truth_of_visits(visits, stated(sample, State.POSITIVE), stated(sample, State.UNCERTAIN))


def stated(sample: Sample, state: State) -> list[str]:
    """Findings, without "no finding", that the report says to be in this state."""
    return [f for f, index in zip(FINDINGS[:-1], sample.states) if _STATES[index] == state]
