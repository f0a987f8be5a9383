"""Procedural chest radiographs with known findings at known places.

Tissue is laid out in cm along the beam, lesions are added to it, and the sum of path length times attenuation is
exposed like a film. The same seeds draw the same film; visits of one patient share `patient_seed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer
from cxrreport.phantoms.devices import add_devices
from cxrreport.phantoms.film import Exposure, take_film
from cxrreport.phantoms.frontal import frontal_scene
from cxrreport.phantoms.lateral import lateral_scene
from cxrreport.phantoms.parenchyma import add_atelectasis, add_consolidation, add_edema, add_nodule, add_opacity
from cxrreport.phantoms.patient import Lesion, Patient
from cxrreport.phantoms.pleura import add_central, add_effusion, add_fracture, add_pneumothorax, add_thickening
from cxrreport.phantoms.scene import Scene

__all__ = ["Box", "Lesion", "Patient", "Phantom", "draw_frontal", "draw_lateral"]

Box = tuple[int, int, int, int]

# In the order in which they must act: shapes first, then what fills or displaces the lung, then what lies upon it.
PAINTERS: dict[str, Callable[[Scene, Lesion], None]] = {
    "fracture": add_fracture,
    "atelectasis": add_atelectasis,
    "lung opacity": add_opacity,
    "consolidation": add_consolidation,
    "pneumonia": add_consolidation,
    "edema": add_edema,
    "pneumothorax": add_pneumothorax,
    "pleural effusion": add_effusion,
    "pleural other": add_thickening,
    "lung lesion": add_nodule,
    "support devices": add_devices,
}
CENTRAL = ("cardiomegaly", "enlarged cardiomediastinum")
ORDER = (*CENTRAL, *PAINTERS)


@dataclass
class Phantom:
    """One film: pixels float32 of shape (side, side), 0..1, larger = brighter; the (x, y, w, h) box of each lesion.

    `boxes` is keyed by the lesion's index and measured where the lesion changed the attenuation; a lesion that is
    hidden in this view has no box.
    """

    pixels: Layer
    boxes: dict[int, Box]


def draw_frontal(patient_seed: int, lesions: Sequence[Lesion], *, exposure_seed: int = 0, side: int = 512) -> Phantom:
    """Draw a frontal film; the patient's right is at the left."""
    return _draw(patient_seed, lesions, exposure_seed, side, "frontal")


def draw_lateral(patient_seed: int, lesions: Sequence[Lesion], *, exposure_seed: int = 0, side: int = 512) -> Phantom:
    """Draw a lateral film; the patient faces left."""
    return _draw(patient_seed, lesions, exposure_seed, side, "lateral")


def _draw(patient_seed: int, lesions: Sequence[Lesion], exposure_seed: int, side: int, view: str) -> Phantom:
    patient = Patient.from_seed(patient_seed)
    exposure = Exposure.from_seed(patient_seed, exposure_seed, view)
    scene = (frontal_scene if view == "frontal" else lateral_scene)(Canvas(side, exposure.pose), patient)
    total, boxes = _add_lesions(scene, lesions)
    return Phantom(take_film(total, exposure), boxes)


def _add_lesions(scene: Scene, lesions: Sequence[Lesion]) -> tuple[Layer, dict[int, Box]]:
    """Total attenuation with all lesions, and what each of them changed."""
    before, boxes = scene.attenuation(), {}
    placed: list[Lesion] = []
    for index in sorted(range(len(lesions)), key=lambda i: ORDER.index(lesions[i].finding)):
        lesion = lesions[index]
        if lesion.finding in CENTRAL:
            add_central(scene, lesion, placed)
        else:
            PAINTERS[lesion.finding](scene, lesion)
        placed.append(lesion)
        after = scene.attenuation()
        box = changed_box(after - before)
        if box is not None:
            boxes[index] = box
        before = after
    return before, boxes


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
