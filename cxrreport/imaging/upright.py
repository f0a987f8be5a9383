"""How a frontal image lies, told from its pixels: turned, a negative, mirrored, cropped. What can be mended is mended.

The small network is trained with torch (`model/upright.py`) and read here with numpy alone, in the processes that decode
images: so a negative is prepared anew from its own values, and every user of an image gets it the right way up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrreport.imaging.preprocess import preprocess
from cxrreport.records import UPRIGHT, Lie

SIDE = 64
_LIES = 16  # 8 * negative + 4 * mirrored + quarter turns; then comes: no frontal image, and last, apart: cropped
_LAYERS = (0, 3, 6, 9)  # places of the convolutions among the trained layers; a batch norm follows each
_EPSILON = 1e-5  # of the batch norms
# Chosen on one half of the validation patients; docs/drafting.md has the figures of the other half.
_SURE = 0.98  # so surely upright, an image needs no second opinion
_MEND = 0.4  # so surely another way up, or a negative, an image is mended
_MIRRORED = 0.98
_CROPPED = 0.95
_UNUSUAL = 0.98

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Upright:
    """The network as arrays: cheap to send to a child process."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._layers = [_folded(arrays, place) for place in _LAYERS]
        self._linear = arrays["linear.weight"].T.astype(np.float32), arrays["linear.bias"].astype(np.float32)

    def look(self, pixels: Pixels) -> Lie:
        """How a preprocessed image (256, 256) lies. One that seems not upright is looked at all eight ways round."""
        shrunk = pixels.reshape(SIDE, pixels.shape[0] // SIDE, SIDE, -1).mean(axis=(1, 3), dtype=np.float32) / 255 - 0.5
        logits = self._logits(shrunk[None])[0]
        ways, cropped = _softmax(logits[:-1]), float(_sigmoid(logits[-1]))
        if ways[0] < _SURE:
            around = np.stack([_laid(shrunk, way) for way in range(8)])
            logits = self._logits(around)
            ways = np.mean([_seen_from(_softmax(row[:-1]), way) for way, row in enumerate(logits)], axis=0)
        return _judge(ways, cropped)

    def _logits(self, grey: Floats) -> Floats:
        """Logits (n, 18) of grey values (n, 64, 64)."""
        found = grey[:, None]
        for kernels, offset in self._layers:
            found = _convolved(found, kernels) + offset
            np.maximum(found, 0, out=found)
        weight, bias = self._linear
        logits: Floats = found.reshape(len(found), -1) @ weight + bias
        return logits


def put_upright(values: Floats, upright: Upright | None) -> tuple[Pixels, Lie]:
    """Preprocess display values (rows, columns) and mend how they lie; returns pixels (256, 256) and how they lay.

    A mirrored image stays as it is, for a heart may lie on the right. What does not look upright once it is mended is
    left as it came, as an unusual image.

    Raises
    ------
    PixelError : as `preprocess` does.
    """
    pixels = preprocess(values)
    if upright is None:
        return pixels, UPRIGHT
    lie = upright.look(pixels)
    if not lie.mended:
        return pixels, lie
    mended = preprocess(-values) if lie.inverted else pixels
    mended = np.ascontiguousarray(np.rot90(mended, -lie.turns))
    again = upright.look(mended)
    if again.mended or again.unusual:
        return pixels, Lie(unusual=True)
    return mended, Lie(lie.turns, lie.inverted, again.mirrored, again.cropped)


def _judge(ways: Floats, cropped: float) -> Lie:
    """`ways` (17,) probabilities: the 16 ways to lie, and no frontal image."""
    if ways[-1] >= _UNUSUAL:
        return Lie(unusual=True)
    either = ways[:_LIES].reshape(2, 2, 4).sum(axis=1)  # negative or not, turns; mirrored or not
    inverted, turns = divmod(int(either.argmax()), 4)
    if (inverted or turns) and either.max() >= _MEND:
        return Lie(turns, bool(inverted))
    return Lie(mirrored=bool(ways[4] >= _MIRRORED), cropped=cropped >= _CROPPED)


def _folded(arrays: Mapping[str, npt.NDArray[Any]], place: int) -> tuple[Floats, Floats]:
    """Kernels (out, in, 3, 3) and offsets (out, 1, 1) of a convolution and its batch norm together."""
    kernels, (gain, bias, mean, variance) = arrays[f"features.{place}.weight"], (
        arrays[f"features.{place + 1}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")
    )  # fmt: skip
    scale = gain / np.sqrt(variance + _EPSILON)
    return (kernels * scale[:, None, None, None]).astype(np.float32), (bias - mean * scale)[:, None, None].astype(
        np.float32
    )


def _convolved(grey: Floats, kernels: Floats) -> Floats:
    """Convolution of (n, c, h, w) with kernels (out, c, 3, 3), stride 2, padding 1."""
    padded = np.pad(grey, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::2, ::2]
    found: Floats = np.tensordot(windows, kernels, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return found


def _laid(grey: Floats, way: int) -> Floats:
    """An image mirrored (way & 4) and then turned by `way & 3` quarters."""
    laid: Floats = np.rot90(grey[:, ::-1] if way & 4 else grey, way & 3)
    return laid


def _composed(way: int, first: int) -> int:
    """The way an image lies that lay in the way `first` and is then laid in `way` (elements of the dihedral group)."""
    turns = (first & 3) * (-1 if way & 4 else 1) + (way & 3)
    return (way ^ first) & 4 | turns % 4


def _seen_from(ways: Floats, way: int) -> Floats:
    """Probabilities of an image that was laid in `way`, in terms of how it lay before."""
    before = [8 * negative + _composed(way, first) for negative in (0, 1) for first in range(8)]
    return ways[[*before, _LIES]]


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max())
    shares: Floats = powers / powers.sum()
    return shares


def _sigmoid(logit: Any) -> Any:
    return 1 / (1 + np.exp(-logit))
