"""Which parts of two films can be compared, and the grey values of one on the scale of the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .orientation import Film, Mask, Picture, blur

_AIR = 25  # grey levels; darker than this, blurred, is not body
_FLAT = 2  # grey levels within 5 x 5 pixels that JPEG leaves in an even background
_BRIGHT = 128
_LETTER = (240, 90)  # a letter is at least this bright, and brighter than its surroundings by this
Curve = npt.NDArray[np.float64]

_KNOTS = 9
_LEVELS = np.arange(256, dtype=np.float64)
_QUANTILES = np.linspace(0.02, 0.98, 25)
_STIFF = 0.001  # how much a bend of the curve costs: without pixels it goes on straight
_LEAST_SHARE = 0.02  # of the film, to compare grey values on


def content(film: Film) -> Mask:
    """Where the film (rows, columns) shows something: not what lies behind its shutters or around its edge.

    That is even, of the value that the rim has there, and reaches from the rim inwards along a row or a column; what is
    bright must fill whole rows or columns, or it is an overexposed shoulder or belly.
    """
    even = _range(film, 5) <= _FLAT
    outside = np.zeros_like(even)
    for turns in range(4):  # from each side once
        here, level = np.rot90(even, turns), np.rot90(film, turns).astype(np.int16)
        border = here & (np.abs(level - level[:1]) <= _FLAT) & ((level < _BRIGHT) | here.all(axis=1, keepdims=True))
        outside |= np.rot90(np.logical_and.accumulate(border, axis=0), -turns)
    return ~outside


def body(film: Film) -> Mask:
    """Where the film (rows, columns) shows the body: brighter than air, not even, and no letter."""
    blurred = blur(film.astype(np.float32), film.shape[0] / 51)
    return (blurred > _AIR) & (_range(film, 5) > _FLAT) & ~_letters(film)


def grey_table(current: Film, prior: Film, mask: Mask, *, aligned: bool) -> npt.NDArray[np.uint8]:
    """Grey value on the current film for each of the prior's 256; shape of all: (rows, columns).

    One rising curve for the whole film, measured where `mask` holds: machines and windows change grey values alike
    everywhere, lesions do not. Where the films are aligned the curve follows most pairs of values and lets go those that
    are far off (Tukey's biweight), so that a lesion that came or went keeps its contrast; otherwise it makes the share of
    pixels below each value the same.
    """
    if mask.mean() < _LEAST_SHARE:
        return np.arange(256, dtype=np.uint8)
    curve = np.interp(_LEVELS, *_quantiles(current[mask], prior[mask]))
    if aligned:
        now, before = (blur(film.astype(np.float32), film.shape[0] / 128) for film in (current, prior))
        curve = _follow(now[mask], before[mask], curve)
    rising = np.maximum.accumulate(curve)
    table: npt.NDArray[np.uint8] = np.round(np.clip(rising, 0, 255)).astype(np.uint8)
    return table


def _nearby(film: Film, size: int, pick: Callable[..., Film]) -> Film:
    """The largest or smallest value (`pick` is np.max or np.min) of the size x size pixels around each one."""
    for axis in (0, 1):
        ends = [(0, 0), (0, 0)]
        ends[axis] = (size // 2, size // 2)
        film = pick(np.lib.stride_tricks.sliding_window_view(np.pad(film, ends, "edge"), size, axis=axis), axis=-1)
    return film


def _range(film: Film, size: int) -> Film:
    spread: Film = _nearby(film, size, np.max) - _nearby(film, size, np.min)
    return spread


def _letters(film: Film) -> Mask:
    """Small white marks: white, and gone where every pixel takes the darkest value near it (an opening)."""
    size = max(3, film.shape[0] // 20 | 1)
    opened = _nearby(_nearby(film, size, np.min), size, np.max)
    white, above = _LETTER
    marks: Mask = (film > white) & (film - opened > above)
    return _nearby(marks.astype(np.uint8), 5, np.max) > 0


def _quantiles(current: Film, prior: Film) -> tuple[Curve, Curve]:
    """Grey values of the prior and, for each, that of the current film with as many pixels below it; black stays black."""
    before, now = np.quantile(prior, _QUANTILES), np.quantile(current, _QUANTILES)
    kept = np.concatenate([[True], np.diff(before) > 0])
    start, end = ([], []) if before[0] <= 0 else ([0.0], [0.0])
    return np.concatenate([start, before[kept]]), np.concatenate([end, now[kept]])


def _follow(now: Picture, before: Picture, curve: Curve) -> Curve:
    """Curve over 256 levels that most pairs of grey values (n,) lie on, starting from another one."""
    knots = np.linspace(0, 255, _KNOTS)
    hats = np.maximum(0, 1 - np.abs(before[::3, None] - knots) / knots[1])  # (n, knots): linear between the knots
    bend = _STIFF * len(hats) * np.diff(np.eye(_KNOTS), 2, axis=0)
    bend = bend.T @ np.diff(np.eye(_KNOTS), 2, axis=0) + 1e-6 * len(hats) * np.eye(_KNOTS)
    target, heights = now[::3].astype(np.float64), curve[np.round(knots).astype(int)]
    for _ in range(8):
        off = target - hats @ heights
        reach = max(4.685 * 1.4826 * float(np.median(np.abs(off))), 4.0)  # Tukey's biweight, 95 % efficient
        weights = np.clip(1 - (off / reach) ** 2, 0, None) ** 2
        change = np.linalg.solve(hats.T @ (weights[:, None] * hats) + bend, hats.T @ (weights * off) - bend @ heights)
        heights = heights + change
    curve = np.interp(_LEVELS, knots, heights)
    return curve
