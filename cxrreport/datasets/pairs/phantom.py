"""Pairs of procedural images: one patient, two exposures, and the exact truth of what changed and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.pairs.sample import Box, PairSample
from cxrreport.datasets.pairs.timelines import Visits, random_days, random_visits, truth_of_visits
from cxrreport.findings import FINDINGS
from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.canvas import Canvas, Layer
from cxrreport.phantoms.exposure import Exposure, take_image
from cxrreport.phantoms.frontal import frontal_scene
from cxrreport.phantoms.inserted.change_boxes import boxes_of, halves
from cxrreport.phantoms.patient import Lesion, Patient
from cxrreport.phantoms.phantom import add_lesions
from cxrreport.phantoms.report_text import write_report_text
from cxrreport.phantoms.samples import PLACES
from cxrreport.records import SIDE

_LEAST = 0.04  # attenuation of the strongest change that a reader sees


def phantom_pairs(count: int, seed: int) -> Iterator[PairSample]:
    """Draw `count` pairs, each of its own patient; the same seed gives the same pairs.

    A lesion whose change hides behind other things is left out of both images, so that every change that is told shows.
    """
    for number in range(count):
        yield _pair(f"phantom-{seed}-{number}", np.random.default_rng([seed, number, 61]))


def _pair(key: str, rng: np.random.Generator) -> PairSample:
    patient_seed, exposures = int(rng.integers(2**31)), [int(e) for e in rng.integers(2**31, size=2)]
    views = [Exposure.from_seed(patient_seed, exposure, "frontal") for exposure in exposures]
    patient = Patient.from_seed(patient_seed)
    canvas = Canvas(SIDE, views[1].pose)
    visits, boxes = _visible(canvas, patient, random_visits(rng, list(PLACES)))
    before, now = [one.before for one in visits if one.before], [one.now for one in visits if one.now]
    prior = pixels_of(attenuation(Canvas(SIDE, views[0].pose), patient, before), views[0])
    current = pixels_of(attenuation(canvas, patient, now), views[1])
    report, prior_report = write_report_text(now, before, rng)[0], write_report_text(before, None, rng)[0]
    return PairSample(
        key, key, current, prior, *truth_of_visits(visits), boxes, random_days(rng), report, prior_report, "phantom",
    )  # fmt: skip


def attenuation(canvas: Canvas, patient: Patient, lesions: Sequence[Lesion]) -> Layer:
    """What lies in the beam of a frontal image with these lesions, natural-log units, shape (side, side)."""
    scene = frontal_scene(canvas, patient)
    add_lesions(scene, lesions)
    return scene.attenuation()


def pixels_of(total: Layer, exposure: Exposure) -> npt.NDArray[np.uint8]:
    """Attenuation -> the image (256, 256) uint8 as the network sees it."""
    return preprocess(take_image(total, exposure).astype(np.float32))


def _visible(canvas: Canvas, patient: Patient, visits: list[Visits]) -> tuple[list[Visits], tuple[Box, ...]]:
    """The lesions without those whose change does not show, and where the others changed the current image."""
    kept, boxes = list(visits), []
    for one in [one for one in visits if one.changed]:
        with_now = attenuation(canvas, patient, [other.now for other in kept if other.now])
        instead = [other.before if other is one else other.now for other in kept]
        change = with_now - attenuation(canvas, patient, [lesion for lesion in instead if lesion])
        found = boxes_of(change, halves(one.lesion.side, canvas.grid[0]), _LEAST)
        if found:
            boxes += [(FINDINGS.index(one.lesion.finding), *box) for box in found]
        else:
            kept.remove(one)
    return kept, tuple(boxes)
