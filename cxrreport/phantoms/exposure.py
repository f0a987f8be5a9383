"""From attenuation to an image: exposure, scatter, quantum noise, processing, markers and collimation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Pose, Stroke, blurred, wide_blur


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one image was taken: pose, window, noise and collimation."""

    pose: Pose
    low: float  # attenuation shown as black, share of the image's range
    high: float
    gamma: float
    photons: float
    shutter: tuple[float, float, float, float]  # left, top, right, bottom margins in image fractions
    marker: str
    marker_at: tuple[float, float]
    noise_seed: int

    @classmethod
    def from_seed(cls, patient_seed: int, exposure_seed: int, view: str) -> Exposure:
        """Jitter positioning (at most 3 degrees), window and noise; the same seeds give the same image."""
        rng = np.random.default_rng([patient_seed, exposure_seed, 31 if view == "frontal" else 32])
        angle = math.radians(float(np.clip(rng.normal(0, 1.1), -3, 3)))
        shift = rng.normal(0, 0.010, 2).clip(-0.025, 0.025)
        pose = Pose(angle, float(shift[0]), float(shift[1]), float(rng.uniform(0.96, 1.04)))
        margins = rng.uniform(0.004, 0.03, 4) * (rng.random(4) < 0.35)
        marker = "L" if rng.random() < 0.7 else "R"
        at = (float(rng.uniform(0.84, 0.90)), float(rng.uniform(0.06, 0.11)))
        return cls(
            pose=pose,
            low=float(rng.uniform(-0.03, 0.03)),
            high=float(rng.uniform(0.97, 1.04)),
            gamma=float(rng.uniform(1.0, 1.25)),
            photons=float(rng.uniform(9e3, 2.2e4)),
            shutter=(float(margins[0]), float(margins[1]), float(margins[2]), float(margins[3])),
            marker=marker,
            marker_at=at if marker == "L" or view == "lateral" else (1 - at[0], at[1]),
            noise_seed=int(rng.integers(2**31)),
        )


def expose(attenuation: Layer, exposure: Exposure) -> Layer:
    """Log-signal of the detector: primary and scattered photons, blurred by focus and screen, with quantum noise."""
    side = attenuation.shape[0]
    rng = np.random.default_rng(exposure.noise_seed)
    primary = np.exp(-blurred(attenuation, max(0.45, 0.0013 * side)))
    photons = primary + np.float32(0.10) * wide_blur(primary, 10) + np.float32(0.004)
    counts = np.float32(exposure.photons) * photons * np.float32((256 / side) ** 2 * 4)
    grain = rng.standard_normal(attenuation.shape, dtype=np.float32) / np.sqrt(counts)
    signal: Layer = -np.log(photons) + np.float32(0.35) * (grain + blurred(grain, 0.8))
    return signal


def develop(signal: Layer, exposure: Exposure) -> Layer:
    """Processing of a digital system: compress the wide range, lift detail, window to 0..1 (bone white)."""
    base = wide_blur(signal, 16)
    fine = signal - blurred(signal, 0.006 * signal.shape[0])
    even = signal - np.float32(0.22) * (base - np.float32(base.mean())) + np.float32(0.5) * fine
    low, high = np.percentile(even[::4, ::4], (0.5, 99.2))
    span = high - low
    low, high = low + exposure.low * span, low + exposure.high * span
    shown = np.clip((even - np.float32(low)) / np.float32(high - low), 0, 1) ** np.float32(exposure.gamma)
    pixels: Layer = shown.astype(np.float32)
    return pixels


def add_marker(pixels: Layer, exposure: Exposure) -> Layer:
    """A lead letter; it is fixed to the cassette, so the pose does not move it."""
    x, y = exposure.marker_at
    letter = {
        "L": [(0, 0), (0, 1), (0.6, 1)],
        "R": [(0, 1), (0, 0), (0.45, 0.05), (0.6, 0.25), (0.45, 0.48), (0, 0.5), (0.6, 1)],
    }[exposure.marker]
    points = np.asarray(letter) * 0.038 + (x, y)
    mark = Canvas(pixels.shape[0]).strokes([Stroke(points, 0.007)])
    marked: Layer = np.maximum(pixels, mark * np.float32(0.97))
    return marked


def collimate(pixels: Layer, exposure: Exposure) -> Layer:
    """Black shutters where the beam was stopped."""
    side = pixels.shape[0]
    left, top, right, bottom = (round(side * margin) for margin in exposure.shutter)
    framed = np.zeros_like(pixels)
    framed[top : side - bottom, left : side - right] = pixels[top : side - bottom, left : side - right]
    return framed


def take_image(attenuation: Layer, exposure: Exposure) -> Layer:
    """The whole chain; pixels float32 0..1, larger = brighter."""
    return collimate(add_marker(develop(expose(attenuation, exposure), exposure), exposure), exposure)
