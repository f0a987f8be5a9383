"""Lesions of the pleura, heart and ribs: effusion, pneumothorax, thickening, big heart, wide mediastinum, fracture."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.bones import RIBS, frontal_bones, rib_halves
from cxrreport.phantoms.canvas import Layer, Points, Stroke, clouds, ramp
from cxrreport.phantoms.frontal import central_layer
from cxrreport.phantoms.lateral import central_lateral, lateral_bones
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.scene import Scene

FRACTURED = {"upper": 3, "mid": 5, "lower": 7}  # the first broken rib


def add_effusion(scene: Scene, lesion: Lesion) -> None:
    """Free fluid: level at the costophrenic angle, concave upwards and climbing the chest wall."""
    for side in lesion.lungs:
        lowest = scene.patient.dome(side) + scene.patient.angle_depth
        level = lowest - 0.055 - 0.40 * lesion.severity
        if scene.view == "lateral":
            level += 0.05  # the posterior angle lies deeper
        climb = 0.055 + 0.075 * lesion.severity
        meniscus = np.float32(climb) * np.exp(np.maximum(scene.wall[side], 0) * np.float32(-1 / 0.06))
        depth = scene.grid[1] - np.float32(level) + meniscus
        scene.fill(side, ramp(depth - 0.012, 0.06) * (0.80 + 0.20 * ramp(depth - 0.06, 0.12)))


def collapse_line(scene: Scene, lesion: Lesion, side: str) -> Layer:
    """Distance inside (> 0) or outside the edge of a collapsed lung."""
    above = np.clip((np.float32(scene.patient.dome(side)) - scene.grid[1]) * np.float32(1.8), 0, 1)
    gap = (0.018 + 0.13 * lesion.severity) * (0.22 + 0.78 * above)
    inside: Layer = scene.wall[side] - gap.astype(np.float32)
    return inside


def add_pneumothorax(scene: Scene, lesion: Lesion) -> None:
    """Air around the lung: no vessels and no lung tissue outside a thin pleural line; the lung inside is denser."""
    for side in lesion.lungs:
        inside = collapse_line(scene, lesion, side)
        lung = ramp(inside, 0.004)
        scene.vessels[side] = scene.vessels[side] * lung
        denser = np.float32(0.06 + 0.22 * lesion.severity)
        scene.tissue[side] = (scene.tissue[side] + denser * (1 - scene.tissue[side])) * lung
        line = np.exp(-((inside * np.float32(1 / 0.0026)) ** 2)) * ramp(scene.free(side), 3.0)
        scene.add_soft(np.float32(0.16 if scene.view == "frontal" else 0.08) * line * scene.share[side])


def add_thickening(scene: Scene, lesion: Lesion) -> None:
    """Pleural thickening along the wall, an apical cap or calcified plaques, by zone."""
    rng = scene.patient.lesion_rng(lesion)
    for side in lesion.lungs:
        seeds = np.random.default_rng(int(rng.integers(2**31)))
        near = np.abs(scene.grid[1] - np.float32(scene.patient.zone_height(side, lesion.zone)))
        reach = ramp(0.13 + 0.05 * lesion.severity - near, 0.06)
        rough = np.float32(0.006) * clouds(seeds, scene.canvas.side, 18)
        width = 0.012 + 0.020 * lesion.severity
        rind = ramp(width + rough - scene.wall[side], 0.006) * reach
        scene.fill(side, np.float32(0.85) * rind)
        edge = ramp(0.007 - np.abs(scene.wall[side] - width), 0.006) * ramp(
            clouds(seeds, scene.canvas.side, 22) - 0.2, 1.0
        )
        chalk = np.float32(0.10 + 0.20 * lesion.severity) * edge * reach
        scene.bones = scene.bones + chalk * scene.share[side] * ramp(scene.cavity[side], 2.0)


def add_central(scene: Scene, lesion: Lesion, others: list[Lesion]) -> None:
    """Cardiomegaly or a wide mediastinum: the central shadow grows, together with what already made it grow."""
    layer = central_layer if scene.view == "frontal" else central_lateral
    grown = {one.finding: one.severity for one in [*others, lesion]}
    enlarged, widened = grown.get("cardiomegaly"), grown.get("enlarged cardiomediastinum")
    scene.central = layer(
        scene.canvas,
        scene.patient,
        0.0 if enlarged is None else 0.25 + 0.75 * enlarged,
        0.0 if widened is None else 0.25 + 0.75 * widened,
    )


def break_rib(half: Points, at: int, step: float) -> list[Points]:
    """Two fragments of a rib with a gap and a step-off; the outer one sinks where it broke."""
    outer = half[at + 1 :].copy()
    outer[:, 1] += step * np.linspace(1, 0, len(outer))
    return [half[:at], outer]


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


def callus(scene: Scene, lesion: Lesion, count: int) -> list[Stroke]:
    """On the lateral film the ends overlap: short dense steps across the ribs behind."""
    top = scene.patient.zone_height("right", lesion.zone)
    starts = [(0.735, top + 0.066 * number) for number in range(count)]
    return [Stroke(np.asarray([(x, y), (x + 0.045, y + 0.018)]), 0.020, 1.0) for x, y in starts]
