"""Lesions of the lung itself: consolidation, pneumonia, haze, nodules, oedema and atelectasis.

Each function changes the layers of a scene, frontal or lateral, so that what it adds can be measured afterwards.
"""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.canvas import Layer, Stroke, blur, clouds, curve, ellipse, ramp
from cxrreport.phantoms.frontal import pleural_cavity
from cxrreport.phantoms.lateral import pleural_cavity_lateral
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.scene import MU_SOFT, SIGN, Scene

CM_PER_FILM = 40.0
DEPTH = {"upper": (0.50, 0.60), "mid": (0.42, 0.66), "lower": (0.58, 0.72)}  # front-to-back range on a lateral film


def place(scene: Scene, lesion: Lesion, side: str, rng: np.random.Generator) -> tuple[float, float]:
    """Film coordinates of a lesion's centre; one point in space, so both views agree."""
    lateral_share, depth_share, height = rng.uniform(0.50, 0.72), rng.random(), rng.normal(0, 0.012)
    y = scene.patient.zone_height(side, lesion.zone) + height
    if scene.view == "lateral":
        front, back = DEPTH[lesion.zone]
        return float(front + depth_share * (back - front)), float(y)
    t = min(1.0, max(0.0, (y - scene.patient.apex) / (0.80 - scene.patient.apex)))
    half = scene.patient.chest * (1 - (1 - t) ** 2.4) ** 0.47
    return float(0.5 + SIGN[side] * lateral_share * half), float(y)


def patch(scene: Scene, centre: tuple[float, float], radius: float, rng: np.random.Generator, ragged: float) -> Layer:
    """A cloudy area 0..1 around a centre; `ragged` 0 is a smooth disc, 1 broken into islands."""
    seeds = np.random.default_rng(int(rng.integers(2**31)))
    turn, long = rng.uniform(-0.6, 0.6), rng.uniform(1.0, 1.3)
    distance = np.sqrt(ellipse(*scene.grid, centre, (radius * long, radius), turn))
    rough = 0.6 * clouds(seeds, scene.canvas.side, 14) + 0.4 * clouds(seeds, scene.canvas.side, 34)
    return ramp(1 - distance + np.float32(0.30 * ragged) * rough, 0.95)


def bronchograms(scene: Scene, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Layer:
    """Air-filled bronchi that stay black in a filled lung: a few branching lines away from the hilum."""
    middle = 0.52 if scene.view == "lateral" else 0.5
    heading = np.arctan2(centre[1] - 0.42, centre[0] - middle)
    start = np.asarray(centre) - 0.7 * radius * np.asarray([np.cos(heading), np.sin(heading)])
    lines = []
    for turn in (-0.45, 0.0, 0.4):
        angles = heading + turn + np.cumsum(rng.normal(0, 0.28, 5))
        steps = 0.32 * radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        lines.append(Stroke(np.concatenate([start[None], start + np.cumsum(steps, axis=0)]), 0.0045))
    return blur(scene.canvas.strokes(lines), 0.0022 * scene.canvas.side)


def add_consolidation(scene: Scene, lesion: Lesion) -> None:
    """Dense filling with air bronchograms; pneumonia is looser, with islands around it."""
    rng = scene.patient.lesion_rng(lesion)
    loose = lesion.finding == "pneumonia"
    for side in lesion.lungs:
        centre = place(scene, lesion, side, rng)
        radius = (0.062 if loose else 0.055) + 0.075 * lesion.severity
        area = patch(scene, centre, radius, rng, 1.0 if loose else 0.55)
        air = 1 - (0.25 if loose else 0.5) * bronchograms(scene, centre, radius, rng)
        scene.fill(side, area * air * np.float32((0.42 if loose else 0.55) + 0.35 * lesion.severity))


def add_opacity(scene: Scene, lesion: Lesion) -> None:
    """A hazy area through which vessels still show."""
    rng = scene.patient.lesion_rng(lesion)
    for side in lesion.lungs:
        centre = place(scene, lesion, side, rng)
        area = patch(scene, centre, 0.085 + 0.085 * lesion.severity, rng, 0.35)
        scene.fill(side, area * np.float32(0.22 + 0.28 * lesion.severity))


def add_nodule(scene: Scene, lesion: Lesion) -> None:
    """A round solid nodule or mass."""
    rng = scene.patient.lesion_rng(lesion)
    for side in lesion.lungs:
        centre = place(scene, lesion, side, rng)
        radius = 0.017 + 0.043 * lesion.severity
        lobes = np.float32(0.12) * clouds(np.random.default_rng(int(rng.integers(2**31))), scene.canvas.side, 30)
        squared = ellipse(*scene.grid, centre, (radius, radius * rng.uniform(0.85, 1.1)), rng.uniform(-1, 1)) + lobes
        within = ramp(scene.free(side), 4.0)
        scene.add_soft(np.float32(2.9 * radius * CM_PER_FILM * MU_SOFT) * np.sqrt(np.clip(1 - squared, 0, 1)) * within)


def add_edema(scene: Scene, lesion: Lesion) -> None:
    """Perihilar bat wings, thickened vessels, haze towards the bases and Kerley B lines at the wall."""
    rng = scene.patient.lesion_rng(lesion)
    for side in lesion.lungs:
        hilum = (0.52, 0.47) if scene.view == "lateral" else (0.5 + SIGN[side] * 0.135, 0.49)
        seeds = np.random.default_rng(int(rng.integers(2**31)))
        wing = np.exp(-0.9 * ellipse(*scene.grid, hilum, (0.115 + 0.03 * lesion.severity, 0.165), 0.2 * SIGN[side]))
        rough = 1 + np.float32(0.10) * (clouds(seeds, scene.canvas.side, 20) + clouds(seeds, scene.canvas.side, 60))
        base = ramp(scene.floor[side] + 0.16, 0.40) * np.float32(0.16 * lesion.severity)
        scene.fill(side, (wing * np.clip(rough, 0.6, 1.5) * (0.26 + 0.40 * lesion.severity) + base).astype(np.float32))
        scene.vessels[side] = scene.vessels[side] * np.float32(1.15 + 0.4 * lesion.severity)
    if scene.view == "frontal":
        scene.add_soft(kerley_lines(scene, lesion, rng))


def kerley_lines(scene: Scene, lesion: Lesion, rng: np.random.Generator) -> Layer:
    """Short horizontal lines of thickened septa that reach the pleura above the costophrenic angles."""
    lines = []
    for side in lesion.lungs:
        for step in range(7):
            y = scene.patient.dome(side) - 0.085 + 0.021 * step + rng.normal(0, 0.003)
            outer = scene.patient.chest - 0.012
            inner = outer - rng.uniform(0.025, 0.045)
            ends = [(0.5 + SIGN[side] * u, y + 0.004 * (outer - u) / 0.04) for u in (inner, outer)]
            lines.append(Stroke(np.asarray(ends), 0.0035))
    drawn = blur(scene.canvas.strokes(lines), 0.0014 * scene.canvas.side)
    within = sum((ramp(-scene.floor[side], 0.01) * scene.share[side] for side in lesion.lungs), np.float32(0))
    return drawn * np.asarray(within, dtype=np.float32) * np.float32(0.10 + 0.16 * lesion.severity)


def add_atelectasis(scene: Scene, lesion: Lesion) -> None:
    """Plate-like bands and loss of volume: the hemidiaphragm rises."""
    rng = scene.patient.lesion_rng(lesion)
    for side in lesion.lungs:
        lift = 0.008 + 0.045 * lesion.severity
        cavity = pleural_cavity if scene.view == "frontal" else pleural_cavity_lateral
        scene.cavity[side] = np.minimum(scene.cavity[side], cavity(scene.canvas, scene.patient, side, lift))
        scene.floor[side] = scene.floor[side] + np.float32(lift)
        centre = place(scene, lesion, side, rng)
        scene.fill(side, band_fill(scene, lesion, (centre[0], centre[1] - 0.4 * lift), rng))


def band_fill(scene: Scene, lesion: Lesion, centre: tuple[float, float], rng: np.random.Generator) -> Layer:
    """One to three slightly curved plates around a centre."""
    count = 1 + round(2 * lesion.severity)
    half, total = 0.07 + 0.05 * lesion.severity, []
    for number in range(count):
        tilt, rise = rng.uniform(-0.35, 0.35), 0.034 * (number - (count - 1) / 2)
        knots = [(centre[0] + s * half, centre[1] + rise + tilt * s * half - 0.010 * (1 - s * s)) for s in (-1, 0, 1)]
        total.append(Stroke(curve(knots, 8), 0.011 + 0.008 * lesion.severity))
    return blur(scene.canvas.strokes(total), 0.0035 * scene.canvas.side) * np.float32(0.34 + 0.26 * lesion.severity)
