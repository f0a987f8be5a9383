"""Frontal anatomy: body, lungs, heart and mediastinum as layers of a scene."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.bones import frontal_bones
from cxrreport.phantoms.canvas import Canvas, Layer, dome, ellipse, ramp, smooth_steps
from cxrreport.phantoms.patient import Patient
from cxrreport.phantoms.scene import MU_SOFT, SIGN, Scene
from cxrreport.phantoms.vessels import frontal_vessels

LUNG_DEPTH = 17.5  # cm of the pleural cavity at its thickest
CARINA = 0.355

# Borders of the central shadow: (height between carina region and dome, distance from the midline) per side.
# Left: subclavian, knob, window, pulmonary trunk, atrial appendage, ventricle, apex. Right: vena cava, atrium.
LEFT_VESSELS = ((0.06, 0.052), (0.14, 0.056), (0.20, 0.060), (0.245, 0.062))
LEFT_HEART = ((0.37, 0.079), (0.42, 0.086), (0.47, 0.106), (0.53, 0.142), (0.59, 0.176), (0.65, 0.199), (0.70, 0.206))
RIGHT_VESSELS = ((0.06, 0.050), (0.14, 0.052), (0.22, 0.054), (0.32, 0.058), (0.38, 0.060))
RIGHT_HEART = ((0.46, 0.072), (0.52, 0.090), (0.58, 0.101), (0.64, 0.104), (0.70, 0.094), (0.75, 0.07))


def diaphragm_layer(canvas: Canvas, patient: Patient, side: str) -> Layer:
    """Height of the hemidiaphragm in every column."""
    centre = (0.44 if side == "right" else 0.50) * patient.chest

    def height(x: Layer) -> Layer:
        u = (x - 0.5) * SIGN[side]  # from the midline, > 0 lateral
        lateral = np.clip((u - centre) / (patient.chest - centre), 0, 1.3)
        medial = np.clip((centre - u) / centre, 0, 1.3)
        at: Layer = patient.dome(side) + patient.angle_depth * lateral**2.2 + 0.035 * medial**2
        return at

    return canvas.by_column(height)


def side_share(canvas: Canvas, side: str) -> Layer:
    """1 on one side of the midline, 0 on the other."""
    return canvas.by_column(lambda x: ramp((x - 0.5) * SIGN[side], 0.03))


def pleural_cavity(canvas: Canvas, patient: Patient, side: str, lift: float = 0.0) -> Layer:
    """Cm of pleural cavity of one side; `lift` raises the hemidiaphragm (volume loss)."""
    u = (canvas.grid[0] - 0.5) * np.float32(SIGN[side])
    inverse = canvas.by_row(lambda y: 1 / np.maximum(patient.half_width(y, side), 1e-3))
    depth = canvas.by_row(lambda y: LUNG_DEPTH * ramp(y - patient.top(side) - 0.02, 0.16) ** 0.5)
    across = np.clip(u * inverse, 0, 1)
    floor = diaphragm_layer(canvas, patient, side) - np.float32(lift) - canvas.grid[1]
    thinning = 0.72 + 0.28 * ramp(floor - 0.05, 0.16)  # the dome rises inside the beam
    recess = 0.08 * ramp(0.055 + floor, 0.12)  # lung behind the dome
    shaped = np.maximum(ramp(floor, 0.009) * thinning, recess)
    cavity: Layer = depth * dome(across * across) * shaped * side_share(canvas, side)
    return cavity


def central_borders(patient: Patient, enlarged: float, widened: float) -> tuple[list[tuple[float, float]], ...]:
    """Left and right border knots of heart and mediastinum, (y, distance from the midline)."""
    heart_left = patient.heart * (1 + 0.55 * enlarged)
    heart_right = patient.heart * (1 + 0.30 * enlarged)
    vessel = patient.mediastinum * (1 + 0.95 * widened)
    knob = 0.046 + patient.knob * (1 + 0.6 * widened)
    stretch = (patient.right_dome - 0.695) / 0.33

    def low(y: float) -> float:
        return y + stretch * max(0.0, y - 0.37) - 0.02 * enlarged

    arch = [(0.265, 0.94 * knob), (0.285, knob), (0.305, 0.94 * knob), (0.335, 0.070 * vessel)]
    left = [(y, u * vessel) for y, u in LEFT_VESSELS] + arch
    left += [(low(y), u * (heart_left if y > 0.44 else 0.5 + 0.5 * heart_left)) for y, u in LEFT_HEART]
    right = [(y, u * vessel) for y, u in RIGHT_VESSELS] + [(low(y), u * heart_right) for y, u in RIGHT_HEART]
    low_left = left[-1][1] * (1 - patient.heart_tilt * 0.15)
    return [*left, (left[-1][0] + 0.06, low_left), (left[-1][0] + 0.13, 0.5 * low_left)], right


def central_layer(canvas: Canvas, patient: Patient, enlarged: float = 0.0, widened: float = 0.0) -> Layer:
    """Cm of heart, great vessels and mediastinal fat; one smooth shadow with the borders an image shows."""
    left, right = (smooth_steps(knots) for knots in central_borders(patient, enlarged, widened))
    middle = canvas.by_row(lambda y: 0.5 + (left(y) - right(y)) / 2)
    inverse = canvas.by_row(lambda y: 2 / (left(y) + right(y)))
    depth = canvas.by_row(smooth_steps([(0.05, 9), (0.25, 8.5), (0.40, 9), (0.55, 11.5), (0.75, 12.5)]))
    across = (canvas.grid[0] - middle) * inverse
    fat = ellipse(
        *canvas.grid, (0.5 + 0.95 * left(np.asarray([patient.dome("left")]))[0], patient.dome("left")), (0.06, 0.035)
    )
    shadow: Layer = np.maximum(depth * dome(across * across), 2.2 * dome(fat))
    return shadow


def hilum_layer(canvas: Canvas) -> Layer:
    """Cm of the pulmonary arteries at the lung roots; the left one lies higher."""
    right = ellipse(*canvas.grid, (0.405, 0.435), (0.030, 0.070), -0.25)
    left = ellipse(*canvas.grid, (0.598, 0.405), (0.030, 0.050), 0.35)
    roots: Layer = np.float32(3.0) * (np.clip(1 - right, 0, 1) + np.clip(1 - left, 0, 1))
    return roots


def body_layer(canvas: Canvas, patient: Patient) -> Layer:
    """Cm of body: elliptical trunk, neck, shoulders, arms and breasts."""
    u = np.abs(canvas.grid[0] - np.float32(0.5))
    flank = patient.chest + 0.040 + 0.012 * (patient.depth - 22) / 2.5
    half = canvas.by_row(lambda y: 1 / (flank - 0.05 * ramp(0.42 - y, 0.45) + 0.012 * ramp(y - 0.8, 0.3)))
    depth = canvas.by_row(
        lambda y: patient.depth * (1 + 0.16 * ramp(y - 0.68, 0.30)) * (0.50 + 0.50 * ramp(y - 0.16, 0.36))
    )
    line = canvas.by_column(lambda x: 0.01 + 0.42 * patient.slope * np.clip(np.abs(x - 0.5) - 0.085, 0, 1) ** 1.35)
    below = canvas.grid[1] - line
    trunk = depth * dome((u * half) ** 2, 1) ** np.float32(0.8) * ramp(below - 0.035, 0.09)
    reach = canvas.by_column(lambda x: 10.5 * dome((np.clip(np.abs(x - 0.5) - 0.20, 0, 1) / 0.37) ** 2))
    shoulders = reach * ramp(below - 0.035, 0.09) * canvas.by_row(lambda y: ramp(0.36 - y, 0.30))
    middle = canvas.by_row(lambda y: 0.505 + patient.arms + 0.05 * ramp(y - 0.45, 0.6))
    arm = dome(((u - middle) * np.float32(1 / 0.085)) ** 2) * canvas.by_row(lambda y: 9.0 * ramp(y - 0.2, 0.2))
    neck = canvas.by_column(lambda x: 10.5 * dome(((x - 0.5) / 0.135) ** 2)) * canvas.by_row(
        lambda y: ramp(0.22 - y, 0.25)
    )
    return np.maximum(np.maximum(trunk, neck), np.maximum(shoulders, arm)) + breast_layer(u, canvas.grid[1], patient)


def breast_layer(u: Layer, y: Layer, patient: Patient) -> Layer:
    """Cm of breast or pectoral tissue in front of the lower lungs, with its sharp lower fold."""
    if not patient.female:
        muscle = ellipse(u, y, (0.27, 0.34), (0.16, 0.17), -0.5)
        return np.float32(1.2) * np.clip(1 - muscle, 0, 1)
    low = 0.66 + 0.05 * patient.breast
    fold = ramp(low - 0.5 * (u - 0.24) ** 2 - y + 0.06, 0.03)
    breast = dome(ellipse(u, y, (0.255, low - 0.06), (0.155, 0.16)))
    tissue: Layer = np.float32(2.2 * patient.breast) * breast * (0.35 + 0.65 * fold)
    return tissue


def gas_layer(canvas: Canvas, patient: Patient) -> Layer:
    """Attenuation (<= 0) of trachea, main bronchi and stomach bubble."""
    x, y = canvas.grid
    tube = canvas.by_column(lambda x: dome(((x - 0.497) / 0.0225) ** 2)) * canvas.by_row(
        lambda y: ramp(CARINA - y, 0.05)
    )
    right = dome(((x - 0.497 + 0.75 * (y - CARINA)) * np.float32(1 / 0.016)) ** 2)
    left = dome(((x - 0.497 - 1.35 * (y - CARINA)) * np.float32(1 / 0.020)) ** 2)
    bronchi = np.maximum(right, left) * canvas.by_row(lambda y: ramp(0.43 - y, 0.05) * ramp(y - CARINA, 0.03))
    bubble_at = (0.655, patient.dome("left") + 0.03 + 0.035 * patient.bubble)
    bubble = dome(ellipse(x, y, bubble_at, (0.068 * patient.bubble, 0.040 * patient.bubble), 0.2))
    gas = 2.4 * tube + 1.6 * bronchi + np.float32(4.5 * patient.bubble) * bubble
    attenuation: Layer = np.float32(-MU_SOFT) * gas
    return attenuation


def wall_layer(canvas: Canvas, patient: Patient, side: str) -> Layer:
    """Distance inwards from the chest wall, sideways or from the apex, whichever is nearer."""
    half = canvas.by_row(lambda y: patient.half_width(y, side))
    sideways = half - (canvas.grid[0] - 0.5) * np.float32(SIGN[side])
    return nearer(sideways, canvas.grid[1] - np.float32(patient.top(side)))


def nearer(a: Layer, b: Layer) -> Layer:
    """The smaller of two distances, rounded where they meet; 0 outside."""
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    rounded: Layer = a * b / np.sqrt(a * a + b * b + np.float32(1e-9))
    return rounded


def frontal_scene(canvas: Canvas, patient: Patient) -> Scene:
    """Healthy frontal anatomy of one patient on one image."""
    return Scene(
        canvas=canvas,
        patient=patient,
        view="frontal",
        body=body_layer(canvas, patient),
        draw_cavity=pleural_cavity,
        draw_central=central_layer,
        wall={side: wall_layer(canvas, patient, side) for side in SIGN},
        floor={side: canvas.grid[1] - diaphragm_layer(canvas, patient, side) for side in SIGN},
        share={side: side_share(canvas, side) for side in SIGN},
        vessels=frontal_vessels(canvas, patient, hilum_layer(canvas)),
        bones=frontal_bones(canvas, patient),
        upon=gas_layer(canvas, patient),
    )
