"""Random studies with known findings, to train and test on without any patient's image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cxrreport.phantoms.patient import ZONES, Lesion
from cxrreport.phantoms.phantom import Phantom, draw_frontal, draw_lateral
from cxrreport.phantoms.report_text import write_report_text

# Where each finding can lie; support devices choose their kind by side.
PLACES: dict[str, tuple[str, ...]] = {
    "enlarged cardiomediastinum": ("midline",),
    "cardiomegaly": ("midline",),
    "lung opacity": ("left", "right", "both"),
    "lung lesion": ("left", "right"),
    "edema": ("both",),
    "consolidation": ("left", "right"),
    "pneumonia": ("left", "right", "both"),
    "atelectasis": ("left", "right", "both"),
    "pneumothorax": ("left", "right"),
    "pleural effusion": ("left", "right", "both"),
    "pleural other": ("left", "right"),
    "fracture": ("left", "right"),
    "support devices": ("left", "right", "midline", "both"),
}
ZONED = ("lung opacity", "lung lesion", "consolidation", "pneumonia", "atelectasis", "pleural other", "fracture")


@dataclass(frozen=True, slots=True)
class PhantomStudy:
    """Both views of one random patient, what was drawn and the report on it."""

    frontal: Phantom
    lateral: Phantom
    lesions: tuple[Lesion, ...]
    findings: str
    impression: str


def random_lesion(rng: np.random.Generator, finding: str) -> Lesion:
    """A lesion of this finding at a plausible place, visible enough to be reported."""
    side = PLACES[finding][int(rng.integers(len(PLACES[finding])))]
    zone = ZONES[int(rng.integers(3))] if finding in ZONED else "lower"
    return Lesion(finding, side, float(rng.uniform(0.15, 1.0)), zone)


def random_lesions(rng: np.random.Generator, most: int = 3) -> tuple[Lesion, ...]:
    """None to `most` lesions of different findings."""
    count = int(rng.integers(0, most + 1))
    chosen = rng.choice(len(PLACES), size=count, replace=False)
    names = list(PLACES)
    return tuple(random_lesion(rng, names[index]) for index in chosen)


def sample_studies(count: int, seed: int, *, side: int = 256) -> Iterator[PhantomStudy]:
    """`count` random patients with 0-3 lesions each; the same seed gives the same studies."""
    for number in range(count):
        rng = np.random.default_rng([seed, number, 51])
        patient_seed, exposure_seed = int(rng.integers(2**31)), int(rng.integers(2**31))
        lesions = random_lesions(rng)
        findings, impression, _ = write_report_text(lesions, None, rng)
        yield PhantomStudy(
            frontal=draw_frontal(patient_seed, lesions, exposure_seed=exposure_seed, side=side),
            lateral=draw_lateral(patient_seed, lesions, exposure_seed=exposure_seed, side=side),
            lesions=lesions,
            findings=findings,
            impression=impression,
        )
