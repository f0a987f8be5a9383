"""Reliability curves as one picture: of each finding the share of positives over the probability, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw

from cxrreport.evaluation.reliability import Reliability
from cxrreport.findings import FINDINGS

SIDE, MARGIN, COLUMNS = 200, 30, 5
BEFORE, AFTER, GREY = "#c0562a", "#2a6fb0", "#b0b0b0"
Curves = Mapping[int, Reliability]


def draw_curves(before: Curves, after: Curves, path: Path) -> None:
    """Write a PNG, a square of 0..1 by 0..1 a finding; the size of a point is the number of its films."""
    rows = -(-len(after) // COLUMNS)
    picture = Image.new("RGB", (COLUMNS * (SIDE + MARGIN) + MARGIN, rows * (SIDE + 2 * MARGIN) + MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN, 8), "share of positives over probability; before", BEFORE)
    draw.text((MARGIN + 270, 8), "after calibration", AFTER)
    for place, finding in enumerate(after):
        left = MARGIN + place % COLUMNS * (SIDE + MARGIN)
        top = 2 * MARGIN + place // COLUMNS * (SIDE + 2 * MARGIN)
        _frame(draw, left, top, f"{FINDINGS[finding]}, {after[finding].positives}")
        _curve(draw, left, top, before[finding], BEFORE)
        _curve(draw, left, top, after[finding], AFTER)
    picture.save(path, "PNG")


def _frame(draw: ImageDraw.ImageDraw, left: int, top: int, title: str) -> None:
    """Square, diagonal of a probability that means what it says, and name."""
    draw.rectangle((left, top, left + SIDE, top + SIDE), outline=GREY)
    draw.line((left, top + SIDE, left + SIDE, top), GREY)
    draw.text((left, top - 14), title, "black")


def _curve(draw: ImageDraw.ImageDraw, left: int, top: int, found: Reliability, colour: str) -> None:
    points = [(left + said * SIDE, top + (1 - true) * SIDE) for said, true, _ in found.curve]
    draw.line(points, colour, 2)
    for (x, y), (_, _, films) in zip(points, found.curve, strict=True):
        radius = 2 + 6 * (films / found.films) ** 0.5
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)
