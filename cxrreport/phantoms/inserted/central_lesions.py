"""What is inserted into the middle of a real film: a large heart, a wide mediastinum, lines and tubes."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.canvas import Layer, Points, Stroke
from cxrreport.phantoms.devices import device_kinds, device_strokes
from cxrreport.phantoms.inserted.chest import SIGN, Chest, X, Y
from cxrreport.phantoms.inserted.plate import Plate
from cxrreport.phantoms.patient import Lesion

_PHANTOM = {"chest": 0.365, "apex": 0.12, "dome": 0.70}  # build of `demo.phantom`, whose devices are placed here
_METAL = 1.7  # attenuation of a device, units of the film


def insert_heart(plate: Plate, lesion: Lesion) -> None:
    """The heart grows, to the left more than to the right: a smooth warp pushes its borders into the lungs."""
    chest = plate.chest
    dome = (chest.sides["right"].dome + chest.sides["left"].dome) / 2
    apex = (chest.sides["right"].apex + chest.sides["left"].apex) / 2
    widen(
        plate,
        apex + 0.84 * (dome - apex),
        0.42 * (dome - apex),
        0.25 + 1.5 * lesion.severity,
        {"left": 1, "right": 0.7},
    )


def insert_mediastinum(plate: Plate, lesion: Lesion) -> None:
    """The upper mediastinum widens to both sides."""
    sides = plate.chest.sides
    apex = (sides["right"].apex + sides["left"].apex) / 2
    dome = (sides["right"].dome + sides["left"].dome) / 2
    widen(
        plate, apex + 0.30 * (dome - apex), 0.26 * (dome - apex), 0.4 + 1.6 * lesion.severity, {"left": 1, "right": 1}
    )


def widen(plate: Plate, height: float, reach: float, growth: float, shares: dict[str, float]) -> None:
    """Stretch what lies around the midline near a height sideways by a factor 1 + growth.

    Every pixel shows what lay nearer to the midline; the stretch fades out at the chest walls, where nothing moves, so
    the lungs are squeezed and nothing folds.
    """
    rows = np.exp(-(((Y[:, :1] - np.float32(height)) / np.float32(reach)) ** 4))
    across = np.zeros_like(X[:1])
    for name, share in shares.items():
        room = abs(plate.chest.sides[name].outer - plate.chest.middle)
        u = (X[:1] - np.float32(plate.chest.middle)) * np.float32(SIGN[name] / room)
        across -= np.float32(SIGN[name] * room) * squeezed(u, growth * share)
    plate.warp(rows * across, np.zeros_like(X))


def squeezed(u: Layer, growth: float) -> Layer:
    """How far towards the midline a pixel at the share `u` of the way to the wall looks; 0 at the midline and the wall."""
    inside = np.clip(u, 0, 1)
    most = growth / (1 + growth)  # at the midline the film is stretched by 1 + growth
    moved: Layer = np.float32(most) * inside * (1 - inside)
    return moved


def insert_devices(plate: Plate, lesion: Lesion) -> None:
    """Lines, tubes and pacemakers as `demo.devices` lays them, fitted to this chest, a little bent for this patient."""
    rng = plate.rng(lesion)
    strokes = [stroke for kind in device_kinds(lesion) for stroke in device_strokes(kind, "frontal")]
    bend = rng.normal(0, 0.006, 2)
    fitted = [Stroke(fit(plate.chest, stroke.points, bend), stroke.width, stroke.value) for stroke in strokes]
    plate.weight = plate.weight + plate.strokes(fitted, 0.45) * np.float32(_METAL)


def fit(chest: Chest, points: Points, bend: Points) -> Points:
    """Film coordinates of the phantom (n, 2) -> of this chest."""
    sides = chest.sides
    half = (abs(sides["left"].outer - chest.middle) + abs(sides["right"].outer - chest.middle)) / 2
    apex, dome = ((getattr(sides["right"], at) + getattr(sides["left"], at)) / 2 for at in ("apex", "dome"))
    across = (points[:, 0] - 0.5) * half / _PHANTOM["chest"] + chest.middle
    down = (points[:, 1] - _PHANTOM["apex"]) * (dome - apex) / (_PHANTOM["dome"] - _PHANTOM["apex"]) + apex
    sway = np.sin(7 * points[:, 1] + 40 * bend[1])
    return np.stack([across + bend[0] * sway, down + bend[1] * sway], axis=1)
