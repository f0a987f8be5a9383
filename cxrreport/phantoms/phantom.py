"""Procedural chest radiographs with known findings at known places.

Tissue is laid out in cm along the beam, lesions are added to it, and the sum of path length times attenuation is
exposed like a radiograph. The same seeds draw the same image; visits of one patient share `patient_seed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer
from cxrreport.phantoms.exposure import Exposure, take_image
from cxrreport.phantoms.fracture import add_fracture
from cxrreport.phantoms.frontal import frontal_scene
from cxrreport.phantoms.lateral import lateral_scene
from cxrreport.phantoms.painters import PAINTERS
from cxrreport.phantoms.patient import Lesion, Patient
from cxrreport.phantoms.scene import Scene

Box = tuple[int, int, int, int]

DRAWN: dict[str, Callable[[Scene, Lesion], None]] = {"fracture": add_fracture, **PAINTERS}


@dataclass
class Phantom:
    """One image: pixels float32 of shape (side, side), 0..1, larger = brighter; the (x, y, w, h) box of each lesion.

    `boxes` is keyed by the lesion's index and measured where the lesion changed the attenuation; a lesion that is
    hidden in this view has no box.
    """

    pixels: Layer
    boxes: dict[int, Box]


def draw_frontal(patient_seed: int, lesions: Sequence[Lesion], *, exposure_seed: int = 0, side: int = 512) -> Phantom:
    """Draw a frontal image; the patient's right is at the left."""
    return _draw(patient_seed, lesions, exposure_seed, side, "frontal")


def draw_lateral(patient_seed: int, lesions: Sequence[Lesion], *, exposure_seed: int = 0, side: int = 512) -> Phantom:
    """Draw a lateral image; the patient faces left."""
    return _draw(patient_seed, lesions, exposure_seed, side, "lateral")


def _draw(patient_seed: int, lesions: Sequence[Lesion], exposure_seed: int, side: int, view: str) -> Phantom:
    patient = Patient.from_seed(patient_seed)
    exposure = Exposure.from_seed(patient_seed, exposure_seed, view)
    scene = (frontal_scene if view == "frontal" else lateral_scene)(Canvas(side, exposure.pose), patient)
    boxes = add_lesions(scene, lesions)
    return Phantom(take_image(scene.attenuation(), exposure), boxes)


def add_lesions(scene: Scene, lesions: Sequence[Lesion]) -> dict[int, Box]:
    """Draw lesions into a scene; the box of what each of them changed, by its index."""
    before, boxes, order = scene.attenuation(), dict[int, Box](), list(DRAWN)
    for index in sorted(range(len(lesions)), key=lambda i: order.index(lesions[i].finding)):
        DRAWN[lesions[index].finding](scene, lesions[index])
        after = scene.attenuation()
        if box := changed_box(after - before):
            boxes[index] = box
        before = after
    return boxes


def changed_box(change: Layer, least: float = 0.02, share: float = 0.22) -> Box | None:
    """Box around the pixels that changed by at least a share of the largest change; None where nothing shows."""
    size = np.abs(change)
    largest = float(size.max())
    if largest < least:
        return None
    marked = size >= share * largest
    columns, rows = np.flatnonzero(marked.any(axis=0)), np.flatnonzero(marked.any(axis=1))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1
