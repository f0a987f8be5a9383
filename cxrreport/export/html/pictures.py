"""Films of a study as pictures that stand in a page, in the room that its words leave."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from cxrreport.export.films import Pictures
from cxrreport.export.panels import Grey

_PAGE = 395_000  # bytes of a page with its pictures
_LEAST = 40_000  # bytes of the pictures, however long the words
_QUALITIES = (92, 85, 75, 60, 45)  # of WebP, tried one after the other until the pictures fit


@dataclass(frozen=True, slots=True)
class Film:
    """A picture in a page: what it is, and its size in pixels of the current image. `embed` puts it in its place."""

    kind: str
    width: int
    height: int


def films(pictures: Pictures) -> list[Film]:
    """Current image, prior and difference, as far as there are any."""
    return [Film(kind, pixels.shape[1], pixels.shape[0]) for kind, pixels in _shown(pictures).items()]


def embed(page: bytes, pictures: Pictures) -> bytes:
    """The page with the pictures in place of `src="film:<kind>"`, in the best quality that fits."""
    shown = _shown(pictures)
    room = max(_LEAST, (_PAGE - len(page)) * 3 // 4)  # base64 makes them a third longer
    for kind, content in zip(shown, _fitting([Image.fromarray(pixels) for pixels in shown.values()], room)):
        page = page.replace(
            f'src="film:{kind}"'.encode(), b'src="data:image/webp;base64,%b"' % base64.b64encode(content)
        )
    return page


def _shown(pictures: Pictures) -> dict[str, Grey]:
    kinds = {"current": pictures.current, "prior": pictures.prior, "difference": pictures.difference}
    return {kind: pixels for kind, pixels in kinds.items() if pixels is not None}


def _fitting(images: Sequence[Image.Image], room: int) -> list[bytes]:
    """The images in the best quality of which all fit; smaller ones where none does."""
    for quality in _QUALITIES:
        encoded = [_encode(image, quality) for image in images]
        if sum(map(len, encoded)) <= room:
            return encoded
    smaller = [image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4))) for image in images]
    return _fitting(smaller, room)


def _encode(image: Image.Image, quality: int) -> bytes:
    place = io.BytesIO()
    image.save(place, format="WEBP", quality=quality, method=1)  # as small as with 4 in half the time
    return place.getvalue()
