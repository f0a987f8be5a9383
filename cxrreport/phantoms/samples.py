"""Where findings can lie, and random lesions there."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.patient import ZONES, Lesion

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
