"""Lines, tubes and pacemakers. Which device a lesion means follows from its side and severity."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.canvas import Points, Stroke, curve
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.target import Target

Knots = tuple[tuple[float, float], ...]

# Image coordinates of the middle of each line: frontal, then lateral. x 0.5 is the midline of a frontal image.
PATHS: dict[str, tuple[Knots, Knots]] = {
    "picc": (
        ((0.03, 0.33), (0.10, 0.24), (0.17, 0.205), (0.27, 0.195), (0.38, 0.20), (0.447, 0.235), (0.452, 0.33),
         (0.455, 0.43)),
        ((0.30, 0.10), (0.42, 0.15), (0.47, 0.22), (0.48, 0.33), (0.47, 0.43)),
    ),
    "central line": (
        ((0.405, 0.0), (0.412, 0.08), (0.43, 0.16), (0.447, 0.25), (0.452, 0.33), (0.456, 0.44)),
        ((0.46, 0.02), (0.47, 0.15), (0.48, 0.30), (0.47, 0.44)),
    ),
    "endotracheal tube": (
        ((0.493, 0.0), (0.496, 0.08), (0.498, 0.17), (0.500, 0.285)),
        ((0.50, 0.0), (0.512, 0.10), (0.525, 0.20), (0.535, 0.30)),
    ),
    "pacemaker": (
        ((0.79, 0.235), (0.745, 0.205), (0.66, 0.19), (0.57, 0.20), (0.475, 0.24), (0.452, 0.34), (0.46, 0.50),
         (0.505, 0.605), (0.60, 0.632)),
        ((0.30, 0.25), (0.38, 0.19), (0.46, 0.22), (0.475, 0.36), (0.455, 0.50), (0.40, 0.60), (0.315, 0.63)),
    ),
}  # fmt: skip
WIDTHS = {"picc": 0.0042, "central line": 0.0062, "endotracheal tube": 0.0175, "pacemaker": 0.0056}


def device_kinds(lesion: Lesion) -> tuple[str, ...]:
    """Devices a "support devices" lesion stands for."""
    light = lesion.severity < 0.5
    if lesion.side == "left":
        return ("pacemaker",)
    if lesion.side == "right":
        return ("picc",) if light else ("central line",)
    if lesion.side == "midline":
        return ("sternal wires",) if light else ("endotracheal tube",)
    return ("endotracheal tube", "central line")


def sternal_wires(view: str) -> list[Stroke]:
    """Twisted wire loops down the breastbone."""
    strokes = []
    for number in range(6):
        y = 0.245 + 0.070 * number
        if view == "lateral":
            x = 0.352 - 0.125 * (number / 5) ** 0.9
            loop = [(x - 0.014, y - 0.006), (x, y - 0.012), (x + 0.014, y), (x, y + 0.012), (x - 0.014, y + 0.004)]
        else:
            loop = [
                (0.499, y),
                (0.482, y - 0.015),
                (0.498, y - 0.024),
                (0.516, y - 0.013),
                (0.503, y),
                (0.509, y + 0.012),
            ]
        strokes.append(Stroke(curve(loop, 6), 0.0048))
    return strokes


def tube_strokes(points: Points, width: float) -> list[Stroke]:
    """An endotracheal tube: two faint walls and a bright marker line along one of them."""
    shift = np.asarray([0.4 * width, 0.0])
    walls = [Stroke(points + shift, 0.003, 0.40), Stroke(points - shift, 0.003, 0.40)]
    return [Stroke(points, width, 0.16), *walls, Stroke(points - shift * 0.5, 0.0032, 0.9)]


def generator(view: str) -> list[Stroke]:
    """Pacemaker can under the left collar bone: a rounded box with a header."""
    if view == "lateral":
        return [Stroke(np.asarray([(0.275, 0.225), (0.262, 0.305)]), 0.020, 1.0)]
    box = [
        (0.775, 0.26), (0.785, 0.238), (0.82, 0.235), (0.845, 0.255), (0.843, 0.295), (0.82, 0.318), (0.79, 0.31),
        (0.775, 0.285),
    ]  # fmt: skip
    return [
        Stroke(np.asarray([(0.81, 0.25), (0.81, 0.303)]), 0.066, 0.82),
        Stroke(curve([*box, box[0]], 5), 0.006, 1.0),
    ]


def device_strokes(kind: str, view: str) -> list[Stroke]:
    """All strokes of one device on one view."""
    if kind == "sternal wires":
        return sternal_wires(view)
    line, width = curve(PATHS[kind][view == "lateral"], 10), WIDTHS[kind]
    if kind == "endotracheal tube":
        return tube_strokes(line, width)
    strokes = [Stroke(line, width, 0.85)]
    if kind == "pacemaker":
        strokes += [Stroke(line[-5:], 0.009, 1.0), *generator(view)]
    return strokes


def paint_devices(target: Target, lesion: Lesion) -> None:
    """Lay the devices of a lesion, a little bent for the patient."""
    strokes = [stroke for kind in device_kinds(lesion) for stroke in device_strokes(kind, target.view)]
    across, down = target.rng(lesion).normal(0, 0.006, 2).tolist()
    target.place_devices(strokes, (across, down))
