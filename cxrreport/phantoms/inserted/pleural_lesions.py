"""Pleural disease inserted into a real film: effusion, pneumothorax, thickening."""

from __future__ import annotations

import numpy as np

from cxrreport.phantoms.canvas import Layer, clouds, ramp
from cxrreport.phantoms.inserted.chest import SIGN, Side, X, Y
from cxrreport.phantoms.inserted.plate import Plate, without_markings
from cxrreport.phantoms.patient import ZONE_HEIGHT, Lesion
from cxrreport.records import SIDE


def insert_effusion(plate: Plate, lesion: Lesion) -> None:
    """Free fluid: it blunts the costophrenic angle, then rises, concave upwards and climbing the chest wall."""
    for name in lesion.lungs:
        side = plate.chest.sides[name]
        tall = side.low - side.apex
        level = side.low - tall * (0.60 * lesion.severity - 0.02)
        climb = tall * (0.10 + 0.12 * lesion.severity)
        meniscus = np.float32(climb) * np.exp(-np.maximum(side.wall, 0) / np.float32(0.28 * side.width))
        depth = Y - np.float32(level) + meniscus
        share = ramp(depth, 0.07) * (0.72 + 0.24 * ramp(depth - 0.04, 0.12))
        space = np.maximum(side.region, recess(side, name))
        plate.fill(share * space, keep=0.2, dense=0.2 * ramp(depth, 0.3) * side.region)


def recess(side: Side, name: str) -> Layer:
    """0..1 where the pleural space goes on below the lung that shows: a rim under the diaphragm."""
    rim = ramp(side.floor + 0.01, 0.02) * ramp(0.08 - side.floor, 0.05) * ramp(side.wall - 0.006, 0.01)
    lateral: Layer = rim * ramp((X - np.float32(side.inner)) * np.float32(SIGN[name]), 0.14)
    return lateral


def edge_of_lung(side: Side, lesion: Lesion) -> Layer:
    """Distance inside (> 0) or outside the edge of a collapsed lung, which falls away from the apex first."""
    above = np.clip((np.float32(side.dome) - Y) / np.float32(0.75 * (side.dome - side.apex)), 0, 1)
    gap = side.width * (0.07 + 0.50 * lesion.severity) * (0.22 + 0.78 * above)
    inside: Layer = side.wall - gap.astype(np.float32)
    return inside


def insert_pneumothorax(plate: Plate, lesion: Lesion) -> None:
    """Air around the lung: beyond a thin line there are no markings and it is darker; the lung inside is denser."""
    for name in lesion.lungs:
        side = plate.chest.sides[name]
        inside = edge_of_lung(side, lesion)
        lung = ramp(inside, 0.006)
        within = side.region * ramp(side.wall - 0.004, 0.010)
        plate.fill(lung * within * np.float32(0.04 + 0.22 * lesion.severity), keep=0.9)
        bare = without_markings(plate.weight) - plate.weight
        plate.weight = plate.weight + (1 - lung) * within * (0.85 * bare - np.float32(0.20) * plate.chest.air)
        line = np.exp(-((inside / np.float32(0.0042)) ** 2)) * within
        plate.weight = plate.weight + line * np.float32(0.11) * (1 + plate.chest.air)


def insert_thickening(plate: Plate, lesion: Lesion) -> None:
    """A rind of uneven width along the wall of one zone, with a little chalk at its edge."""
    for name in lesion.lungs:
        side, rng = plate.chest.sides[name], plate.rng(lesion, name)
        near = np.abs(Y - np.float32(side.height_of(ZONE_HEIGHT[lesion.zone])))
        reach = ramp(0.12 + 0.06 * lesion.severity - near, 0.08)
        rough = np.float32(0.005) * clouds(rng, SIDE, 18)
        width = side.width * (0.05 + 0.11 * lesion.severity)
        rind = ramp(width + rough - side.wall, 0.010) * reach * side.region
        plate.fill(rind * np.float32(0.50 + 0.30 * lesion.severity), keep=0.5)
        edge = np.exp(-(((side.wall - width - rough) / np.float32(0.006)) ** 2)) * reach * side.region
        chalk = ramp(clouds(rng, SIDE, 24) - 0.2, 1.0)
        plate.weight = plate.weight + edge * chalk * np.float32(0.20 + 0.25 * lesion.severity)
