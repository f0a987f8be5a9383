"""Frontal bones: ribs as tilted hoops around the chest, clavicles, spine, scapulae and arms."""

from __future__ import annotations

import math

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Points, Stroke, blurred, curve, dome, ellipse, ramp
from cxrreport.phantoms.patient import Patient
from cxrreport.phantoms.scene import SIGN

RibHalves = tuple[list[Points], list[Points]]

RIBS = 11
CARTILAGE = 0.80  # a hoop is bone up to this share of the way from spine to sternum


def rib_hoop(patient: Patient, number: int, side: str) -> Points:
    """Image coordinates of one rib, from the spine round the chest wall to the cartilage.

    A half-ellipse tilted forwards: near the spine it runs flat, at the wall it turns, in front it falls steeply.
    """
    wobble = math.sin(5.1 * number + patient.seed % 97 + SIGN[side])  # no two ribs are quite parallel
    height = patient.apex - 0.005 + 0.066 * number + (0.006 if side == "left" else 0.0) + 0.004 * wobble
    drop = (patient.rib_drop + 0.05 * wobble) * (0.155 + 0.020 * min(number, 7))
    turn_at = height + 0.5 * drop
    t = np.clip((turn_at - patient.apex + 0.045) / (0.80 - patient.apex), 0.02, 1)
    width = (patient.chest + 0.006) * (1 - (1 - t) ** 2.6) ** 0.47
    angle = np.linspace(0.08, math.pi * (CARTILAGE if number < 8 else 0.62), 26)
    u = width * np.sin(angle) ** 0.93
    y = height + drop * (1 - np.cos(angle)) / 2 - 0.006 * np.sin(np.clip(2 * angle, 0, math.pi))
    return np.stack([0.5 + SIGN[side] * u, y], axis=1)


def rib_strokes(points: Points, width: float, value: float) -> list[Stroke]:
    """A rib's band: dense cortex at its edges, less in the middle, so three nested strokes."""
    shades = ((1.0, 0.72), (0.62, 0.80), (0.30, 0.66))
    return [Stroke(points, width * share, value * shade) for share, shade in shades]


def frontal_ribs(canvas: Canvas, halves: RibHalves) -> Layer:
    """Attenuation of the ribs; back and front halves cross in projection and add up."""
    back = [s for part in halves[0] for s in rib_strokes(part, 0.021, 1.0)]
    front = [s for part in halves[1] for s in rib_strokes(part, 0.023, 0.75)]
    layer = canvas.strokes(back) + canvas.strokes(front)
    return blurred(layer, 0.0022 * canvas.side) * np.float32(0.24)


def rib_halves(patient: Patient) -> RibHalves:
    """Back and front halves of every rib: 11 of the right side, then 11 of the left."""
    hoops = [rib_hoop(patient, number, side) for side in SIGN for number in range(RIBS)]
    return [hoop[:15] for hoop in hoops], [hoop[13:] for hoop in hoops]


def clavicle_strokes(patient: Patient, side: str) -> list[Stroke]:
    """An S-shaped collar bone over the lung apex."""
    top = patient.apex + 0.055 + patient.clavicle
    knots = ((0.030, top + 0.028), (0.075, top + 0.012), (0.16, top - 0.005), (0.26, top - 0.045), (0.36, top - 0.055))
    line = curve([(0.5 + SIGN[side] * u, y) for u, y in knots], 6)
    head = line[:6]
    return [Stroke(head, 0.034, 0.62), Stroke(line, 0.025, 0.9), Stroke(line, 0.012, 0.72)]


def shoulder_strokes(patient: Patient, side: str) -> list[Stroke]:
    """Scapular borders, spine of the scapula, acromion and upper arm."""
    sign, low = SIGN[side], patient.arms
    border = [(0.335, 0.15), (0.318, 0.24), (0.335, 0.34), (0.375, 0.43)]
    outer = [(0.375, 0.43), (0.40, 0.33), (0.415, 0.24), (0.425, 0.19)]
    ridge = [(0.33, 0.19), (0.38, 0.15), (0.43, 0.118)]
    arm = [(0.475 + low, 0.19), (0.495 + low, 0.30), (0.51 + low, 0.6), (0.54 + low, 1.0)]
    lines = [curve([(0.5 + sign * u, y) for u, y in knots], 6) for knots in (border, outer, ridge, arm)]
    return [
        Stroke(lines[0], 0.009, 0.35),
        Stroke(lines[1], 0.016, 0.5),
        Stroke(lines[2], 0.020, 0.45),
        Stroke(lines[3], 0.058, 0.85),
        Stroke(lines[3], 0.036, 0.55),
    ]


def spine_layer(canvas: Canvas) -> Layer:
    """Vertebral column: bodies, darker discs, paired pedicles and spinous processes."""
    half = canvas.by_row(lambda y: 1 / (0.036 + 0.012 * y))
    tooth = canvas.by_row(disc_phase)
    offset = np.abs(canvas.grid[0] - np.float32(0.5))
    across = offset * half
    discs = canvas.by_row(lambda y: 0.74 + 0.26 * ramp(0.40 - disc_phase(y), 0.12))
    body = dome(across * across) * discs
    pedicle = np.clip(1 - ((across - 0.62) * 4.5) ** 2 - (tooth * 4) ** 2, 0, 1)
    process = np.clip(1 - (offset * 110) ** 2 - ((tooth - 0.2) * 4) ** 2, 0, 1)
    layer: Layer = 0.30 * body + 0.10 * pedicle + 0.07 * process
    return layer


def disc_phase(y: Layer) -> Layer:
    """0 at the middle of a vertebral body, 0.5 in the disc."""
    phase = (y - 0.03) / (0.056 + 0.016 * y)
    distance: Layer = np.abs(phase - np.round(phase))
    return distance


def frontal_bones(canvas: Canvas, patient: Patient, halves: RibHalves | None = None) -> Layer:
    """Attenuation of every frontal bone; `halves` replaces the healthy ribs."""
    small = [s for side in SIGN for s in (*shoulder_strokes(patient, side), *clavicle_strokes(patient, side))]
    bones = frontal_ribs(canvas, rib_halves(patient) if halves is None else halves)
    bones += canvas.strokes(small, blur=0.0025) * np.float32(0.42)
    head = ellipse(np.abs(canvas.grid[0] - 0.5), canvas.grid[1], (0.462 + patient.arms, 0.19), (0.046, 0.048))
    return bones + spine_layer(canvas) + np.float32(0.30) * dome(head)
