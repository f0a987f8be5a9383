"""Who is pictured and what is wrong with them: the patient's build, drawn from a seed, and the lesions of one visit."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.findings import FINDINGS

SIDES = ("left", "right", "both", "midline")
ZONES = ("upper", "mid", "lower")
ZONE_HEIGHT = {"upper": 0.20, "mid": 0.47, "lower": 0.74}  # fraction of the way from apex to diaphragm


@dataclass(frozen=True, slots=True)
class Lesion:
    """One finding at one place; the same finding, side and zone on two visits is the same lesion.

    Parameters
    ----------
    finding : one of `findings.FINDINGS` but "no finding".
    side : the patient's side; "midline" for heart, mediastinum and central devices.
    severity : 0 (barely visible) to 1.
    zone : height in the lung; ignored where the finding has a place of its own.

    Raises
    ------
    ValueError : for a value outside these ranges.
    """

    finding: str
    side: str
    severity: float
    zone: str = "lower"

    def __post_init__(self) -> None:
        if self.finding not in FINDINGS[:-1]:
            raise ValueError(f"not a finding that can be drawn: {self.finding!r}")
        if self.side not in SIDES or self.zone not in ZONES or not 0 <= self.severity <= 1:
            raise ValueError(f"not a place or severity: {self.side!r}, {self.zone!r}, {self.severity!r}")

    @property
    def lungs(self) -> tuple[str, ...]:
        """The sides it lies on: one, or both for "both" and "midline"."""
        return (self.side,) if self.side in ("left", "right") else ("right", "left")


def shape_rng(seed: int, lesion: Lesion, side: str = "") -> np.random.Generator:
    """Generator of a lesion's shape in a patient: the same at every severity, so that it can grow and shrink."""
    return np.random.default_rng([seed, zlib.crc32(f"{lesion.finding}/{lesion.side}/{lesion.zone}/{side}".encode())])


@dataclass(frozen=True, slots=True)
class Patient:
    """Build of one patient. Lengths are image fractions, `depth` is the body's thickness in cm."""

    seed: int
    female: bool
    depth: float
    chest: float  # half-width of the lungs at their base
    apex: float
    right_dome: float
    dome_gap: float  # the left dome lies lower by this
    angle_depth: float  # costophrenic angle below the dome
    heart: float
    heart_tilt: float
    knob: float
    mediastinum: float
    rib_drop: float
    clavicle: float
    breast: float
    bubble: float
    slope: float  # of the shoulders
    arms: float

    @classmethod
    def from_seed(cls, seed: int) -> Patient:
        """Draw a plausible adult; the same seed gives the same body."""
        rng = np.random.default_rng([seed, 11])
        female = bool(rng.random() < 0.5)
        habitus = float(rng.uniform(-1, 1))
        return cls(
            seed=seed,
            female=female,
            depth=22 + 2.5 * habitus,
            chest=float(rng.uniform(0.345, 0.385)),
            apex=float(rng.uniform(0.10, 0.145)),
            right_dome=float(rng.uniform(0.66, 0.725)) - 0.02 * max(0.0, habitus),
            dome_gap=float(rng.uniform(0.015, 0.035)),
            angle_depth=float(rng.uniform(0.10, 0.13)),
            heart=float(rng.uniform(0.9, 1.04)),
            heart_tilt=float(rng.uniform(0.42, 0.72)),
            knob=float(rng.uniform(0.034, 0.046)),
            mediastinum=float(rng.uniform(0.9, 1.08)),
            rib_drop=float(rng.uniform(0.9, 1.1)),
            clavicle=float(rng.uniform(-0.012, 0.012)),
            breast=float(rng.uniform(0.6, 1.2)) if female else 0.0,
            bubble=float(rng.uniform(0.5, 1.0)),
            slope=float(rng.uniform(0.9, 1.1)),
            arms=float(rng.uniform(-0.02, 0.03)),
        )

    def top(self, side: str) -> float:
        """Height of the lung apex of one side."""
        return self.apex + (0.006 if side == "left" else 0.0)

    def dome(self, side: str) -> float:
        """Height of the hemidiaphragm's highest point."""
        return self.right_dome + (self.dome_gap if side == "left" else 0.0)

    def half_width(self, y: npt.ArrayLike, side: str) -> npt.NDArray[np.floating[Any]]:
        """Inner half-width of the rib cage at height y: narrow at the apex, widest at the base."""
        top = self.top(side)
        t = np.clip((np.asarray(y) - top) / (0.80 - top), 0, 1)
        width: npt.NDArray[np.floating[Any]] = self.chest * (1 - (1 - t) ** 2.4) ** 0.47
        return width
