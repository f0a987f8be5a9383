"""A film is read as it was filed, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders.dicom import write_dicom

from cxrreport.errors import PixelError
from cxrreport.imaging import load
from cxrreport.imaging.load import load_filed
from cxrreport.imaging.walk import look_at
from cxrreport.records import UPRIGHT, Image, View


def filed(path: Path) -> Image:
    entry = look_at(str(path))
    return Image(1, "1.2", entry.path, entry.size, View.PA, 1.0, 160, 136, mtime_ns=entry.mtime_ns)


def code_of(image: Image) -> str:
    with pytest.raises(PixelError) as caught:
        load_filed(10**6, None, image)
    return caught.value.code


def test_a_file_that_changed_since_it_was_filed_is_not_taken(tmp_path: Path) -> None:
    image = filed(write_dicom(tmp_path / "a"))
    assert load_filed(10**6, None, image).pixels.shape == (256, 256)
    whole = Path(image.path).read_bytes()
    Path(image.path).write_bytes(whole[:-900])  # being written anew: not a file that is cut
    assert code_of(image) == "pixels.changed"
    assert code_of(filed(Path(image.path))) == "pixels.truncated"
    Path(image.path).unlink()
    assert code_of(image) == "pixels.unreadable"


@pytest.mark.parametrize(("view", "asked"), [(View.PA, True), (None, True), (View.LATERAL, False)])
def test_what_is_known_to_be_no_frontal_image_is_not_turned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: View | None, asked: bool
) -> None:
    given: list[object] = []
    monkeypatch.setattr(load, "put_upright", lambda values, upright: (given.append(upright), (values, UPRIGHT))[1])
    upright = object()
    load_filed(10**6, upright, replace(filed(write_dicom(tmp_path / "a")), view=view))  # type: ignore[arg-type]
    assert given == [upright if asked else None]
