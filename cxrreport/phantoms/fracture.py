"""Broken ribs, which only a phantom can have: its ribs are drawn anew."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.bones import RIBS, frontal_bones, rib_halves
from cxrreport.phantoms.canvas import Points, Stroke
from cxrreport.phantoms.lateral import lateral_bones
from cxrreport.phantoms.patient import ZONE_HEIGHT, Lesion
from cxrreport.phantoms.scene import Scene

FRACTURED = {"upper": 3, "mid": 5, "lower": 7}  # the first broken rib


def add_fracture(scene: Scene, lesion: Lesion) -> None:
    """One to three neighbouring ribs broken at the side of the chest."""
    first, count = FRACTURED[lesion.zone], 1 + round(2 * lesion.severity)
    if scene.view == "lateral":
        scene.bones = lateral_bones(scene.canvas, scene.patient, callus(scene, lesion, count))
        return
    back, front = rib_halves(scene.patient)
    fragments: list[Points] = []
    for index, half in enumerate(back):
        side, number = ("right", "left")[index // RIBS], index % RIBS
        broken = side in lesion.lungs and first <= number < first + count
        fragments += break_rib(half, 6, 0.034 + 0.012 * lesion.severity) if broken else [half]
    scene.bones = frontal_bones(scene.canvas, scene.patient, (fragments, front))


def break_rib(half: Points, at: int, step: float) -> list[Points]:
    """Two fragments of a rib with a gap and a step-off; the outer one sinks where it broke."""
    outer = half[at + 1 :].copy()
    outer[:, 1] += step * np.linspace(1, 0, len(outer))
    return [half[:at], outer]


def callus(scene: Scene, lesion: Lesion, count: int) -> list[Stroke]:
    """On a lateral image the ends overlap: short dense steps across the ribs behind."""
    top = scene.lung("right").down(ZONE_HEIGHT[lesion.zone])
    starts = [(0.735, top + 0.066 * number) for number in range(count)]
    return [Stroke(np.asarray([(x, y), (x + 0.045, y + 0.018)]), 0.020, 1.0) for x, y in starts]
