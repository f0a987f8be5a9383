"""Disease of the lung itself inserted into a real film: filling, haze, nodules, oedema, collapse."""

from __future__ import annotations

import math

import numpy as np

from cxrreport.phantoms.canvas import Layer, Stroke, curve, ellipse, ramp
from cxrreport.phantoms.inserted.chest import SIGN, Side, X, Y
from cxrreport.phantoms.inserted.plate import Plate, inwards, texture
from cxrreport.phantoms.patient import ZONE_HEIGHT, Lesion

Point = tuple[float, float]


def place(side: Side, name: str, lesion: Lesion, rng: np.random.Generator) -> Point:
    """Centre of a lesion in its zone, well inside the lung."""
    y = side.height_of(ZONE_HEIGHT[lesion.zone] + float(rng.uniform(-0.06, 0.06)))
    return inwards(side, name, float(rng.uniform(0.35, 0.66))), y


def patch(centre: Point, radius: float, rng: np.random.Generator, ragged: float) -> Layer:
    """A cloudy area 0..1; `ragged` 0 is a smooth disc, 1 broken into islands."""
    turn, long = float(rng.uniform(-0.7, 0.7)), float(rng.uniform(1.0, 1.45))
    distance = np.sqrt(ellipse(X, Y, centre, (radius * long, radius), turn))
    return ramp(1 - distance + np.float32(0.32 * ragged) * texture(rng), 1.0)


def bronchi(plate: Plate, centre: Point, radius: float, rng: np.random.Generator) -> Layer:
    """Branching lines away from the hilum 0..1, which stay dark in a filled lung."""
    heading = math.atan2(centre[1] - 0.45, centre[0] - plate.chest.middle)
    start = np.asarray(centre) - 0.7 * radius * np.asarray([math.cos(heading), math.sin(heading)])
    lines = []
    for turn in (-0.5, 0.0, 0.45):
        angles = heading + turn + np.cumsum(rng.normal(0, 0.3, 5))
        steps = 0.32 * radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        lines.append(Stroke(np.concatenate([start[None], start + np.cumsum(steps, axis=0)]), 0.006))
    return plate.strokes(lines, 1.0)


def insert_consolidation(plate: Plate, lesion: Lesion) -> None:
    """Dense filling with air bronchograms; pneumonia is looser, with islands around it."""
    loose = lesion.finding == "pneumonia"
    for name in lesion.lungs:
        side, rng = plate.chest.sides[name], plate.rng(lesion, name)
        centre = place(side, name, lesion, rng)
        radius = side.width * ((0.24 if loose else 0.22) + 0.34 * lesion.severity)
        area = patch(centre, radius, rng, 0.85 if loose else 0.6)
        open_air = 1 - np.float32(0.22 if loose else 0.36) * bronchi(plate, centre, radius, rng)
        dense = (0.34 if loose else 0.45) + 0.38 * lesion.severity
        plate.fill(area * open_air * side.region * np.float32(dense), keep=0.45)


def insert_opacity(plate: Plate, lesion: Lesion) -> None:
    """A hazy area through which vessels still show."""
    for name in lesion.lungs:
        side, rng = plate.chest.sides[name], plate.rng(lesion, name)
        centre = place(side, name, lesion, rng)
        area = patch(centre, side.width * (0.36 + 0.36 * lesion.severity), rng, 0.5)
        plate.fill(area * side.region * np.float32(0.20 + 0.32 * lesion.severity), keep=0.85)


def insert_nodule(plate: Plate, lesion: Lesion) -> None:
    """A round solid nodule or mass: a sphere with a slightly lobed edge."""
    for name in lesion.lungs:
        side, rng = plate.chest.sides[name], plate.rng(lesion, name)
        centre = place(side, name, lesion, rng)
        radius = 0.015 + 0.042 * lesion.severity
        axes, turn = (radius, radius * float(rng.uniform(0.82, 1.1))), float(rng.uniform(-1, 1))
        squared = ellipse(X, Y, centre, axes, turn) + np.float32(0.13) * texture(rng)
        sphere = np.sqrt(np.clip(1 - squared, 0, 1))
        plate.add(np.float32(1.6 + 110 * radius) * sphere * side.region)


def insert_edema(plate: Plate, lesion: Lesion) -> None:
    """Bat wings around the hila, haze towards the bases, vessels lost in it, and Kerley lines at the walls."""
    for name in lesion.lungs:
        side, rng = plate.chest.sides[name], plate.rng(lesion, name)
        hilum = (inwards(side, name, 0.18), side.height_of(0.55))
        tall = side.dome - side.apex
        axes = (side.width * (0.48 + 0.22 * lesion.severity), tall * 0.38)
        wing = np.exp(-ellipse(X, Y, hilum, axes, 0.25 * SIGN[name]))
        rough = np.clip(1 + np.float32(0.16) * texture(rng), 0.5, 1.6)
        low = ramp(side.floor + np.float32(0.30 * tall), 0.6 * tall) * np.float32(0.16 * lesion.severity)
        plate.fill((wing * rough * np.float32(0.22 + 0.42 * lesion.severity) + low) * side.region, keep=0.55)
        lines = plate.strokes(kerley_lines(side, name, rng), 0.5) * side.region
        plate.weight = plate.weight + lines * np.float32(0.10 + 0.22 * lesion.severity)


def kerley_lines(side: Side, name: str, rng: np.random.Generator) -> list[Stroke]:
    """Short horizontal lines that reach the pleura above the costophrenic angle."""
    lines = []
    for step in range(6):
        y = side.dome - 0.06 + 0.022 * step + float(rng.normal(0, 0.004))
        ends = [(inwards(side, name, share), y + rise) for share, rise in ((0.97, 0.004), (rng.uniform(0.8, 0.9), 0.0))]
        lines.append(Stroke(np.asarray(ends), 0.0040))
    return lines


def insert_atelectasis(plate: Plate, lesion: Lesion) -> None:
    """Plate-like bands, a collapsed wedge at the medial base, and loss of volume: the hemidiaphragm rises."""
    for name in lesion.lungs:
        side, rng = plate.chest.sides[name], plate.rng(lesion, name)
        lift = (side.dome - side.apex) * (0.015 + 0.06 * lesion.severity)
        raise_floor(plate, side, name, lift)
        centre = place(side, name, lesion, rng)
        bands = plate.strokes(plates(side, (centre[0], centre[1] - 0.5 * lift), lesion, rng), 1.1)
        plate.fill(bands * side.region * np.float32(0.26 + 0.22 * lesion.severity), keep=0.8)
        wedge = np.exp(
            -ellipse(X, Y, (inwards(side, name, 0.1), side.dome), (0.45 * side.width, 0.11), 0.5 * SIGN[name])
        )
        plate.fill(wedge * side.region * np.float32(0.10 + 0.40 * lesion.severity), keep=0.7)


def raise_floor(plate: Plate, side: Side, name: str, lift: float) -> None:
    """Move the hemidiaphragm up; what lies above it is compressed, what lies deep below stays."""
    tall = side.dome - side.apex
    above = ramp(side.floor + np.float32(0.35 * tall), 0.7 * tall) * ramp(np.float32(0.08) - side.floor, 0.14)
    half = ramp((X - np.float32(plate.chest.middle)) * np.float32(SIGN[name]) - 0.03, 0.08)
    inside = ramp(np.float32(SIGN[name]) * (np.float32(side.outer) - X) + 0.03, 0.06)  # the skin stays where it is
    plate.warp(np.zeros_like(X), np.float32(lift) * above * half * inside)


def plates(side: Side, centre: Point, lesion: Lesion, rng: np.random.Generator) -> list[Stroke]:
    """Three slightly curved plates around a centre; the outer ones come in as severity grows."""
    half, strokes = side.width * (0.26 + 0.16 * lesion.severity), []
    for number in (0, 1, -1):
        tilt, rise = float(rng.uniform(-0.35, 0.35)), 0.036 * number
        knots = [(centre[0] + s * half, centre[1] + rise + tilt * s * half - 0.010 * (1 - s * s)) for s in (-1, 0, 1)]
        value = 1.0 if number == 0 else min(1.0, max(0.0, 2.5 * lesion.severity - (0.5 if number > 0 else 1.2)))
        strokes.append(Stroke(curve(knots, 8), 0.010 + 0.007 * lesion.severity, value))
    return [stroke for stroke in reversed(strokes) if stroke.value > 0]
