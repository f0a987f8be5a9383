"""Lateral anatomy, the patient facing the left edge of the image: the layers of a scene seen from the side."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.bones import disc_phase
from cxrreport.phantoms.canvas import Canvas, Layer, Stroke, blurred, curve, dome, ellipse, ramp, smooth_steps
from cxrreport.phantoms.frontal import nearer
from cxrreport.phantoms.patient import Patient
from cxrreport.phantoms.scene import MU_SOFT, SIGN, Scene
from cxrreport.phantoms.vessels import lateral_vessels

LUNG_WIDTH = 11.0  # cm of one lung from side to side
# Borders of the lungs from behind the breastbone to the back ribs, (y, x).
FRONT = (
    (0.10, 0.50), (0.16, 0.43), (0.22, 0.375), (0.30, 0.325), (0.45, 0.27), (0.60, 0.232), (0.75, 0.215), (0.9, 0.21),
)  # fmt: skip
BACK = (
    (0.08, 0.60), (0.14, 0.665), (0.22, 0.735), (0.34, 0.80), (0.50, 0.838), (0.68, 0.835), (0.85, 0.80), (1.0, 0.76),
)  # fmt: skip
SPINE = ((0.0, 0.60), (0.15, 0.665), (0.30, 0.735), (0.45, 0.768), (0.60, 0.765), (0.80, 0.725), (1.05, 0.64))
SKIN_FRONT = ((0.08, 0.34), (0.18, 0.29), (0.30, 0.245), (0.45, 0.195), (0.60, 0.165), (0.80, 0.15), (1.05, 0.15))
SKIN_BACK = ((0.0, 0.72), (0.10, 0.78), (0.25, 0.87), (0.45, 0.915), (0.65, 0.91), (0.85, 0.87), (1.05, 0.83))
TRACHEA = ((0.0, 0.50), (0.15, 0.515), (0.28, 0.535), (0.41, 0.55))


def diaphragm_lateral_layer(canvas: Canvas, patient: Patient, side: str) -> Layer:
    """Height of a hemidiaphragm: highest in front of the middle, deepest in the posterior costophrenic angle."""

    def height(x: Layer) -> Layer:
        top = patient.dome(side) - 0.015
        back = np.clip((x - 0.43) / 0.40, 0, 1.2)
        front = np.clip((0.43 - x) / 0.22, 0, 1.2)
        at: Layer = top + (patient.angle_depth + 0.06) * back**2.0 + 0.055 * front**2
        return at

    return canvas.by_column(height)


def lung_span(canvas: Canvas) -> tuple[Layer, Layer]:
    """Middle and half-depth of the lungs at every row."""
    front, back = smooth_steps(FRONT), smooth_steps(BACK)
    return canvas.by_row(lambda y: (front(y) + back(y)) / 2), canvas.by_row(lambda y: (back(y) - front(y)) / 2)


def pleural_cavity_lateral(canvas: Canvas, patient: Patient, side: str, lift: float = 0.0) -> Layer:
    """Cm of one pleural cavity seen from the side; `lift` raises the hemidiaphragm."""
    middle, half = lung_span(canvas)
    across = (canvas.grid[0] - middle) / half
    floor = diaphragm_lateral_layer(canvas, patient, side) - np.float32(lift) - canvas.grid[1]
    high = canvas.by_row(
        lambda y: LUNG_WIDTH * (0.35 + 0.65 * ramp(y - patient.apex - 0.13, 0.24)) * ramp(y - patient.apex, 0.03)
    )
    thinning = 0.62 + 0.38 * ramp(floor - 0.05, 0.18)
    cavity: Layer = high * dome(across**2) * ramp(floor, 0.010) * thinning
    return cavity


def central_lateral(canvas: Canvas, patient: Patient, enlarged: float = 0.0, widened: float = 0.0) -> Layer:
    """Cm of heart and great vessels: heart on the front of the diaphragm, the aortic arch above it."""
    x, y = canvas.grid
    size = patient.heart * (1 + 0.40 * enlarged)
    bottom = 0.60 + patient.right_dome - 0.69  # as much lower as the diaphragm lies than the average one
    heart = ellipse(
        x, y, (0.395 + 0.05 * enlarged, bottom - 0.01 - 0.03 * enlarged), (0.205 * size, 0.150 * size), -0.62
    )
    roots = ellipse(x, y, (0.475, 0.40), (0.10, 0.16), 0.35)
    wide = 1 + 0.8 * widened
    arch = ellipse(x, y, (0.545, 0.315), (0.105 * wide, 0.08 * wide), 0.1)
    upper = ellipse(x, y, (0.50, 0.17), (0.085 * wide, 0.14))
    muscle = 0.35 * dome(heart) + 0.65 * dome(heart, 0)  # rounded off: its borders are rarely tangential to the beam
    parts = (12.5 * muscle, 6.0 * dome(roots, 0), 5.5 * dome(arch, 0), 6.0 * dome(upper, 0))
    central = parts[0]
    for part in parts[1:]:
        central = np.sqrt(central * central + part * part)
    return central


def body_lateral(canvas: Canvas, patient: Patient) -> Layer:
    """Cm of body from side to side: trunk, neck, and the raised arms in front of the upper chest."""
    x, y = canvas.grid
    fat = 0.014 * (patient.depth - 22) / 2.5
    front, back = smooth_steps(SKIN_FRONT), smooth_steps(SKIN_BACK)
    low = canvas.by_row(lambda y: front(y) - fat - 0.035 * patient.breast * np.exp(-(((y - 0.62) / 0.11) ** 2)))
    high = canvas.by_row(lambda y: back(y) + fat)
    across = (2 * x - low - high) / (high - low)
    width = canvas.by_row(
        lambda y: (27 + patient.depth * 0.28) * (0.72 + 0.28 * ramp(y - 0.22, 0.4)) * (1 + 0.12 * ramp(y - 0.72, 0.3))
    )
    trunk = width * dome(across**2) ** np.float32(0.75) * ramp(y + 0.55 * np.maximum(0.36 - x, 0) - 0.02, 0.08)
    tilt = y - 0.11 + 0.32 * (x - 0.3)
    arms = 11.0 * dome((tilt / np.float32(0.115)) ** 2) * ramp(0.62 - x, 0.3)
    return np.maximum(trunk, arms) + np.float32(3.5) * dome((tilt / np.float32(0.10)) ** 2) * ramp(0.66 - x, 0.2)


def vertebrae(canvas: Canvas) -> Layer:
    """Attenuation of the spine from the side: square bodies, discs, arches and spinous processes behind."""
    line = smooth_steps(SPINE)
    offset = canvas.grid[0] - canvas.by_row(line)
    tooth = canvas.by_row(disc_phase)
    inverse = canvas.by_row(lambda y: 1 / (0.030 + 0.014 * y))
    across = offset * inverse
    edge = ramp(1 - np.abs(across), 0.18) * ramp(0.43 - tooth, 0.10)
    rim = edge * (0.62 + 0.38 * np.maximum(across * across, (2.3 * tooth) ** 2))
    arch = np.clip(1 - ((across - 1.75) * 1.5) ** 2, 0, 1) * (0.35 + 0.65 * ramp(0.32 - tooth, 0.2))
    layer: Layer = 0.34 * np.minimum(rim, 1) + 0.22 * arch
    return layer


def rib_lines(patient: Patient) -> list[Stroke]:
    """Ribs of both sides: from the spine backwards, then obliquely down and forwards."""
    strokes = []
    for number in range(10):
        for shift in (0.0, 0.011):
            y = patient.apex + 0.045 + 0.066 * number + shift
            start = 0.66 + 0.10 * min(1.0, number / 4)
            knots = [(start, y), (start + 0.075, y + 0.035), (start + 0.02, y + 0.10), (start - 0.17, y + 0.175)]
            strokes.append(Stroke(curve(knots, 5), 0.017, 0.75 if shift else 1.0))
    return strokes


def breastbone(patient: Patient) -> list[Stroke]:
    """Sternum under the front skin, and the shoulder blades' edges behind."""
    bone = [(0.385, 0.195), (0.335, 0.27), (0.285, 0.36), (0.245, 0.47), (0.222, 0.58)]
    blade = [(0.70, 0.10), (0.755, 0.22), (0.79, 0.36)]
    humerus = [(0.0, 0.20), (0.2, 0.15), (0.45, 0.085), (0.60, 0.10)]
    return [
        Stroke(curve(humerus, 6), 0.042, 0.7),
        Stroke(curve(blade, 6), 0.010, 0.45),
        Stroke(curve([(x + 0.03, y) for x, y in blade], 6), 0.010, 0.45),
        Stroke(curve(bone, 6), 0.024, 0.75),
        Stroke(curve(bone, 6), 0.013, 0.6),
    ]


def lateral_bones(canvas: Canvas, patient: Patient, broken: list[Stroke] | None = None) -> Layer:
    """Attenuation of every bone of the lateral image; `broken` adds fragments."""
    ribs = canvas.strokes([*rib_lines(patient), *(broken or [])])
    front = canvas.strokes(breastbone(patient))
    soft = blurred(ribs * np.float32(0.15) + front * np.float32(0.40), 0.003 * canvas.side)
    return soft + vertebrae(canvas)


def gas_lateral(canvas: Canvas, patient: Patient) -> Layer:
    """Attenuation (<= 0) of the trachea and the stomach bubble under the left dome."""
    x, y = canvas.grid
    middle = canvas.by_row(smooth_steps(TRACHEA))
    tube = dome(((x - middle) * np.float32(1 / 0.022)) ** 2) * canvas.by_row(lambda y: ramp(0.42 - y, 0.03))
    bubble_at = (0.47, patient.dome("left") + 0.055)
    bubble = dome(ellipse(x, y, bubble_at, (0.075 * patient.bubble, 0.036 * patient.bubble), 0.15))
    return np.float32(-MU_SOFT) * (3.2 * tube + np.float32(6.0 * patient.bubble) * bubble)


def lateral_scene(canvas: Canvas, patient: Patient) -> Scene:
    """Healthy lateral anatomy of one patient on one image."""
    x, y = canvas.grid
    middle, half = lung_span(canvas)
    wall = nearer(half - np.abs(x - middle), y - np.float32(patient.apex))
    floor: dict[str, Layer] = {side: y - diaphragm_lateral_layer(canvas, patient, side) for side in SIGN}
    return Scene(
        canvas=canvas,
        patient=patient,
        view="lateral",
        body=body_lateral(canvas, patient),
        draw_cavity=pleural_cavity_lateral,
        draw_central=central_lateral,
        wall=dict.fromkeys(SIGN, wall),
        floor=floor,
        share=dict.fromkeys(SIGN, np.full((1, 1), 0.5, dtype=np.float32)),
        vessels=lateral_vessels(canvas, patient),
        bones=lateral_bones(canvas, patient),
        upon=gas_lateral(canvas, patient),
    )
