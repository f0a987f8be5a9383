"""A film is read as it was filed, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.dicom import write_dicom

from cxrreport.errors import PixelError
from cxrreport.imaging.load import as_filed, load_image
from cxrreport.imaging.walk import look_at
from cxrreport.records import Image, View


def filed(path: Path) -> Image:
    entry = look_at(str(path))
    return Image(1, "1.2", entry.path, entry.size, View.PA, 1.0, 160, 136, mtime_ns=entry.mtime_ns)


def code_of(image: Image) -> str:
    with pytest.raises(PixelError) as caught, as_filed(image):
        load_image(image.path, 10**6)
    return caught.value.code


def test_a_file_that_changed_since_it_was_filed_is_not_taken(tmp_path: Path) -> None:
    image = filed(write_dicom(tmp_path / "a"))
    with as_filed(image):
        assert load_image(image.path, 10**6).pixels.shape == (256, 256)
    whole = Path(image.path).read_bytes()
    Path(image.path).write_bytes(whole[:-900])  # being written anew: not a file that is cut
    assert code_of(image) == "pixels.changed"
    assert code_of(filed(Path(image.path))) == "pixels.truncated"
    Path(image.path).unlink()
    assert code_of(image) == "pixels.unreadable"
