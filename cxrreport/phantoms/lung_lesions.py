"""Lesions of the lung itself: consolidation, pneumonia, haze, nodules, oedema and atelectasis."""

from __future__ import annotations

import math

import numpy as np

from cxrreport.phantoms.canvas import Layer, Stroke, clouds, curve, ellipse, ramp
from cxrreport.phantoms.patient import ZONE_HEIGHT, Lesion
from cxrreport.phantoms.target import Lung, Target

Point = tuple[float, float]


def place(lung: Lung, lesion: Lesion, rng: np.random.Generator) -> Point:
    """Centre of a lesion in its zone, well inside the lung, which is narrower at the top; views agree on the height."""
    y = lung.down(ZONE_HEIGHT[lesion.zone] + float(rng.uniform(-0.06, 0.06)))
    narrow = 0.6 if lesion.zone == "upper" else 1.0
    return lung.across(narrow * float(rng.uniform(0.35, 0.66))), y


def texture(target: Target, rng: np.random.Generator) -> Layer:
    """Rough noise of two sizes, mean 0, deviation about 0.7."""
    side = target.canvas.side
    rough: Layer = 0.6 * clouds(rng, side, 14) + 0.4 * clouds(rng, side, 36)
    return rough


def patch(target: Target, centre: Point, radius: float, rng: np.random.Generator, ragged: float) -> Layer:
    """A cloudy area 0..1; `ragged` 0 is a smooth disc, 1 broken into islands."""
    turn, long = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(1.0, 1.4))
    distance = np.sqrt(ellipse(*target.canvas.grid, centre, (radius * long, radius), turn))
    return ramp(1 - distance + np.float32(0.32 * ragged) * texture(target, rng), 1.0)


def bronchi(target: Target, lung: Lung, centre: Point, radius: float, rng: np.random.Generator) -> Layer:
    """Branching lines away from the hilum 0..1, which stay dark in a filled lung."""
    heading = math.atan2(centre[1] - lung.down(0.5), centre[0] - lung.across(-0.35))
    start = np.asarray(centre) - 0.7 * radius * np.asarray([math.cos(heading), math.sin(heading)])
    lines = []
    for turn in (-0.5, 0.0, 0.45):
        angles = heading + turn + np.cumsum(rng.normal(0, 0.3, 5))
        steps = 0.32 * radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        lines.append(Stroke(np.concatenate([start[None], start + np.cumsum(steps, axis=0)]), 0.0052))
    return target.canvas.strokes(lines, blur=0.003)


def paint_consolidation(target: Target, lesion: Lesion) -> None:
    """Dense filling with air bronchograms; pneumonia is looser, with islands around it."""
    loose = lesion.finding == "pneumonia"
    for lung in map(target.lung, lesion.lungs):
        rng = target.rng(lesion, lung.name)
        centre = place(lung, lesion, rng)
        radius = lung.width * ((0.24 if loose else 0.22) + 0.34 * lesion.severity)
        area = patch(target, centre, radius, rng, 0.9 if loose else 0.6)
        air = 1 - np.float32(0.24 if loose else 0.42) * bronchi(target, lung, centre, radius, rng)
        dense = (0.38 if loose else 0.50) + 0.37 * lesion.severity
        target.fill(lung, area * air * lung.region * np.float32(dense), keep=0.45)


def paint_opacity(target: Target, lesion: Lesion) -> None:
    """A hazy area through which vessels still show."""
    for lung in map(target.lung, lesion.lungs):
        rng = target.rng(lesion, lung.name)
        area = patch(target, place(lung, lesion, rng), lung.width * (0.36 + 0.36 * lesion.severity), rng, 0.45)
        target.fill(lung, area * lung.region * np.float32(0.21 + 0.30 * lesion.severity), keep=0.85)


def paint_nodule(target: Target, lesion: Lesion) -> None:
    """A round solid nodule or mass: a sphere with a slightly lobed edge."""
    for lung in map(target.lung, lesion.lungs):
        rng = target.rng(lesion, lung.name)
        centre = place(lung, lesion, rng)
        radius = 0.016 + 0.042 * lesion.severity
        axes, turn = (radius, radius * float(rng.uniform(0.84, 1.1))), float(rng.uniform(-1, 1))
        squared = ellipse(*target.canvas.grid, centre, axes, turn) + np.float32(0.13) * texture(target, rng)
        target.add(lung, np.float32(1.4 + 112 * radius) * np.sqrt(np.clip(1 - squared, 0, 1)) * lung.region)


def paint_edema(target: Target, lesion: Lesion) -> None:
    """Thick vessels, bat wings around the hila, haze towards the bases, and Kerley B lines at the walls."""
    for lung in map(target.lung, lesion.lungs):
        rng = target.rng(lesion, lung.name)
        target.congest(lung, 0.15 + 0.4 * lesion.severity)
        axes = (lung.width * (0.47 + 0.19 * lesion.severity), 0.34 * lung.height)
        wing = np.exp(-ellipse(*target.canvas.grid, (lung.across(0.18), lung.down(0.55)), axes, 0.25 * lung.outward))
        rough = np.clip(1 + np.float32(0.16) * texture(target, rng), 0.5, 1.6)
        low = ramp(lung.floor + 0.29 * lung.height, 0.64 * lung.height) * np.float32(0.16 * lesion.severity)
        target.fill(lung, (wing * rough * np.float32(0.26 + 0.42 * lesion.severity) + low) * lung.region, keep=0.55)
        if target.view == "frontal":
            lines = target.canvas.strokes(kerley_lines(lung, rng), blur=0.0017) * lung.region
            target.mark(lung, lines * np.float32(0.10 + 0.20 * lesion.severity))


def kerley_lines(lung: Lung, rng: np.random.Generator) -> list[Stroke]:
    """Short horizontal lines that reach the pleura above the costophrenic angle."""
    lines = []
    for step in range(6):
        y = lung.dome - 0.07 + 0.022 * step + float(rng.normal(0, 0.004))
        ends = [(lung.across(share), y + rise) for share, rise in ((1.02, 0.004), (rng.uniform(0.82, 0.92), 0.0))]
        lines.append(Stroke(np.asarray(ends), 0.0038))
    return lines


def paint_atelectasis(target: Target, lesion: Lesion) -> None:
    """Plate-like bands, a collapsed wedge at the medial base, and loss of volume: the hemidiaphragm rises."""
    for lung in map(target.lung, lesion.lungs):
        rng, lift = target.rng(lesion, lung.name), lung.height * (0.015 + 0.065 * lesion.severity)
        target.lift(lung, lift)
        x, y = place(lung, lesion, rng)
        drawn = target.canvas.strokes(bands(lung, (x, y - 0.5 * lift), lesion, rng), blur=0.004)
        target.fill(lung, drawn * lung.region * np.float32(0.32 + 0.24 * lesion.severity), keep=0.8)
        base = (lung.across(0.1), lung.dome)
        wedge = np.exp(-ellipse(*target.canvas.grid, base, (0.45 * lung.width, 0.11), 0.5 * lung.outward))
        target.fill(lung, wedge * lung.region * np.float32(0.10 + 0.35 * lesion.severity), keep=0.7)


def bands(lung: Lung, centre: Point, lesion: Lesion, rng: np.random.Generator) -> list[Stroke]:
    """Three slightly curved plates around a centre; the outer ones come in as severity grows."""
    half, strokes = lung.width * (0.27 + 0.17 * lesion.severity), []
    for number in (0, 1, -1):
        tilt, rise = float(rng.uniform(-0.35, 0.35)), 0.035 * number
        knots = [(centre[0] + s * half, centre[1] + rise + tilt * s * half - 0.010 * (1 - s * s)) for s in (-1, 0, 1)]
        value = 1.0 if number == 0 else min(1.0, max(0.0, 2.5 * lesion.severity - (0.5 if number > 0 else 1.2)))
        strokes.append(Stroke(curve(knots, 8), 0.010 + 0.0075 * lesion.severity, value))
    return [stroke for stroke in reversed(strokes) if stroke.value > 0]
