"""Curves of a page as points of an SVG, which the templates draw: x to the right and y downwards, in its own units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 300, 100  # of the course
SIDE = 100  # of a reliability curve


@dataclass(frozen=True, slots=True)
class Point:
    """A value with the ends of its interval, in units of the picture, and what is said of it in words."""

    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True, slots=True)
class Course:
    """Values by time; top : value at the upper edge. names : of the first and last point."""

    points: Sequence[Point]
    top: float
    names: tuple[str, str]


def reliability_curve(rows: Iterable[Mapping[str, Any]]) -> list[Point]:
    """Share of positives over what was said, a point a bin; each axis is 0..1."""
    return [_at(SIDE * row["said"], row["true"], 1.0, SIDE, _bin(row)) for row in rows]


def course(rows: Sequence[Mapping[str, Any]], values: Sequence[Mapping[str, float] | None], top: float = 0.0) -> Course:
    """A value of each row that has one, from left to right. top : of the axis; else the greatest end of an interval."""
    known = [(place, row, value) for place, (row, value) in enumerate(zip(rows, values, strict=True)) if value]
    top = top or max((value["high"] for *_, value in known), default=0.0) or 1.0
    step = WIDTH / max(len(rows), 1)
    points = [_at(step * (place + 0.5), value, top, HEIGHT, _moment(row, value)) for place, row, value in known]
    return Course(points, top, (rows[0]["group"], rows[-1]["group"]) if rows else ("", ""))


def path(points: Sequence[Point]) -> str:
    """The points of a line through them."""
    return " ".join(f"{point.x},{point.y}" for point in points)


def _at(x: float, value: Mapping[str, float], top: float, height: float, words: str) -> Point:
    y, low, high = (round(height * (1 - value[name] / top), 2) for name in ("value", "low", "high"))
    return Point(round(x, 2), y, low, high, words)


def _bin(row: Mapping[str, Any]) -> str:
    return f"said {row['said']:.2f}, true in {row['true']['value']:.2f} of {row['studies']} studies"


def _moment(row: Mapping[str, Any], value: Mapping[str, float]) -> str:
    ends = f"{value['low']:.2f} to {value['high']:.2f}"
    return f"{row['group']}: {value['value']:.2f} ({ends}), {row['studies']} studies"
