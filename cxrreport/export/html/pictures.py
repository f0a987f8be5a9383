"""Films of a study as pictures that stand in a page, within a budget."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from cxrreport.export.films import Pictures

_BUDGET = 240_000  # bytes of all pictures of a page before base64 makes them a third longer
_QUALITIES = (92, 85, 75, 60, 45)  # of WebP, tried one after the other until the pictures fit


@dataclass(frozen=True, slots=True)
class Film:
    """A picture in a page: what it is, its address and its size in pixels of the current image."""

    kind: str
    url: str
    width: int
    height: int


def films(pictures: Pictures) -> list[Film]:
    """Current image, prior and difference, as far as there are any."""
    kinds = {"current": pictures.current, "prior": pictures.prior, "difference": pictures.difference}
    shown = {kind: pixels for kind, pixels in kinds.items() if pixels is not None}
    encoded = _fitting([Image.fromarray(pixels) for pixels in shown.values()])
    return [
        Film(kind, _url(content), pixels.shape[1], pixels.shape[0])
        for (kind, pixels), content in zip(shown.items(), encoded)
    ]


def _fitting(images: Sequence[Image.Image]) -> list[bytes]:
    """The images in the best quality that fits the budget; smaller ones where none does."""
    for quality in _QUALITIES:
        encoded = [_encode(image, quality) for image in images]
        if sum(map(len, encoded)) <= _BUDGET:
            return encoded
    return _fitting([image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4))) for image in images])


def _encode(image: Image.Image, quality: int) -> bytes:
    place = io.BytesIO()
    image.save(place, format="WEBP", quality=quality, method=1)  # as small as with 4 in half the time
    return place.getvalue()


def _url(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"
