"""Draws images side by side with boxes, titles and a legend, and the difference of two images in colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cxrreport.findings import FINDINGS

SIDE = 512  # longest side of an image in a picture
_NARROWEST = 480  # a picture of one small image must still hold its words
_GAP, _BANNER_HEIGHT, _TOP, _STEP, _INDENT = 10, 32, 66, 22, 22
_TITLE, _WORDS, _SMALL = 15, 14, 12  # sizes of the letters
_BACKGROUND, _INK, _DIM, _SHADE, _BANNER = "#101012", "#f0f0f0", "#b0b0b4", "#000000", "#781414"
_PERCENTILES = (0.5, 99.5)  # burnt-in letters and dead pixels lie outside
_MID_GREY, _AIR, _GAMMAS = 0.55, 0.1, (0.6, 2.5)  # where the median of what is not air is brought, within bounds
_BRIGHTER, _DARKER = (214, 120, 52), (72, 142, 200)
_DARKEST, _DIMMED = 20, 0.8  # of the grey below the colours, which needs room to both sides
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_QUIET, _FULL = 14, 90  # grey levels of difference: below, noise and small misfits; from here on, full colour
# One for each finding, apart from the orange and the blue of the difference.
_COLOURS = (
    *("#c0ff33", "#ff7ad9", "#00e676", "#b26bff", "#00e5ff", "#ff9d1e", "#ffe100"),
    *("#9dff9d", "#ffb3d1", "#ffe98a", "#8afff0", "#d8a6ff", "#ffc78f", "#e0e0e0"),
)

Grey = npt.NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.float32)


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels of its panel, and what it shows; the name is written beside it where there is one."""

    x: float
    y: float
    w: float
    h: float
    colour: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """An image, uint8 of shape (H, W) or (H, W, 3), with a title and boxes."""

    title: str
    pixels: Grey
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line under the panels; with a colour it explains the boxes of that colour."""

    text: str
    colour: str = ""


def colour_of(finding: str | None) -> str:
    """Colour of a finding's boxes, the same in every picture."""
    return _COLOURS[FINDINGS.index(finding)] if finding in FINDINGS else _COLOURS[-1]


def shrink(values: npt.NDArray[np.float32], side: int = SIDE) -> Grey:
    """Shrink display values (rows, columns) to at most `side` pixels a side, aspect kept, and to well-spread greys 0..255."""
    scale = min(1.0, side / max(values.shape))
    height, width = (max(1, round(length * scale)) for length in values.shape)
    small = resize(np.ascontiguousarray(values, dtype=np.float32), height, width)
    low, high = np.percentile(small, _PERCENTILES)
    stretched = np.clip((small - low) / max(float(high - low), 1e-9), 0, 1)
    body = np.median(stretched[stretched > _AIR]) if (stretched > _AIR).any() else _MID_GREY
    gamma = np.clip(np.log(_MID_GREY) / np.log(np.clip(body, 0.01, 0.99)), *_GAMMAS)
    return np.asarray(np.round(255 * stretched**gamma), dtype=np.uint8)


def resize(pixels: npt.NDArray[Number], height: int, width: int) -> npt.NDArray[Number]:
    """Resize an image to another grid; the aspect is the caller's."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.HAMMING, reducing_gap=3.0))


def colour_difference(current: Grey, prior: Grey, inside: npt.NDArray[np.bool_]) -> Grey:
    """The current image (H, W), orange where it is brighter than the prior, blue where darker; uint8 (H, W, 3).

    A colour changes hue alone and no brightness, so that ribs, vessels and lines stay visible below it. Outside of
    `inside` the prior shows nothing, so there is no difference.
    """
    signed = np.where(inside, current.astype(np.float32) - prior.astype(np.float32), 0)
    strength = np.clip((np.abs(signed) - _QUIET) / (_FULL - _QUIET), 0, 1)[..., None]  # (H, W, 1)
    hue = np.where(signed[..., None] > 0, _hue(_BRIGHTER), _hue(_DARKER))
    coloured = _DARKEST + _DIMMED * current[..., None] + strength * hue
    return np.asarray(np.clip(np.round(coloured), 0, 255), dtype=np.uint8)


def _hue(colour: Sequence[int]) -> npt.NDArray[np.float64]:
    """What is left of a colour without its brightness."""
    return np.asarray(colour - np.dot(colour, _LUMA), dtype=np.float64)


def draw_panels(panels: Sequence[Panel], lines: Sequence[Line], banner: str) -> Image.Image:
    """Draw panels in a row under a banner, with lines of words below; none of the panels may be missing."""
    columns = [max(panel.pixels.shape[1], round(_font(_TITLE).getlength(panel.title))) for panel in panels]
    width = max(_NARROWEST, sum(columns) + _GAP * (len(panels) + 1))
    words = [row for line in lines for row in _wrapped(line, width - 2 * _GAP - _INDENT)]
    bottom = _TOP + max(panel.pixels.shape[0] for panel in panels) + _GAP
    picture = Image.new("RGB", (width, bottom + _STEP * len(words) + _GAP), _BACKGROUND)
    _draw_banner(picture, banner)
    left = _GAP
    for panel, column in zip(panels, columns):
        ImageDraw.Draw(picture).text((left, _TOP - 8), panel.title, _INK, _font(_TITLE), anchor="ls")
        picture.paste(_with_boxes(panel), (left, _TOP))
        left += column + _GAP
    for place, line in enumerate(words):
        _draw_line(picture, line, bottom + _STEP * place)
    return picture


def _draw_banner(picture: Image.Image, banner: str) -> None:
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, picture.width, _BANNER_HEIGHT), fill=_BANNER)
    size = next((size for size in (16, 14, 12) if _font(size).getlength(banner) < picture.width), 10)
    draw.text((picture.width // 2, _BANNER_HEIGHT // 2), banner, _INK, _font(size), anchor="mm")


def _with_boxes(panel: Panel) -> Image.Image:
    """The image with its boxes; the best comes first and is drawn last, above the others."""
    shown = Image.fromarray(panel.pixels).convert("RGB")
    draw = ImageDraw.Draw(shown)
    for box in reversed(panel.boxes):
        left, top = round(box.x), round(box.y)
        right, bottom = max(left, round(box.x + box.w) - 1), max(top, round(box.y + box.h) - 1)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_SHADE, width=4)
        draw.rectangle((left, top, right, bottom), outline=box.colour, width=2)
        if box.name:
            _draw_name(draw, box, shown.width)
    return shown


def _draw_name(draw: ImageDraw.ImageDraw, box: Box, width: int) -> None:
    """Above the box, or inside where there is no room above; never beyond the sides of the image."""
    length = _font(_SMALL).getlength(box.name) + 6
    x = max(0.0, min(box.x, width - length))
    y = box.y - 17 if box.y >= 17 else box.y + 3
    draw.rectangle((x, y, x + length, y + 15), fill=_SHADE)
    draw.text((x + 3, y + 7), box.name, box.colour, _font(_SMALL), anchor="lm")


def _draw_line(picture: Image.Image, line: Line, y: int) -> None:
    draw, x = ImageDraw.Draw(picture), _GAP
    if line.colour:
        draw.rectangle((x, y + 4, x + 14, y + 16), outline=line.colour, width=3)
    draw.text((x + _INDENT, y + _STEP // 2), line.text, _INK if line.colour else _DIM, _font(_WORDS), anchor="lm")


def _wrapped(line: Line, width: int) -> Iterator[Line]:
    """Break a line between words, where it is longer than `width` pixels; the colour stays with its beginning."""
    rest, colour = line.text.split(), line.colour
    while rest:
        count = len(rest)
        while count > 1 and _font(_WORDS).getlength(" ".join(rest[:count])) > width:
            count -= 1
        yield Line(" ".join(rest[:count]), colour)
        rest, colour = rest[count:], ""


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
