"""What a shutter hides is black; one that cannot be used is passed by."""

import builders.dicom as builders
import numpy as np
import pytest

from cxrreport.imaging.pixels import read_frame

ROWS, COLUMNS = np.indices((160, 136)) + 1
INSIDE = (ROWS >= 31) & (ROWS <= 130) & (COLUMNS >= 21) & (COLUMNS <= 116)
RECTANGLE = {
    "ShutterShape": "RECTANGULAR",
    "ShutterLeftVerticalEdge": 21,
    "ShutterRightVerticalEdge": 116,
    "ShutterUpperHorizontalEdge": 31,
    "ShutterLowerHorizontalEdge": 130,
}
DISC = (ROWS - 80) ** 2 + (COLUMNS - 70) ** 2 <= 50**2
CIRCLE = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [80, 70], "RadiusOfCircularShutter": 50}
CORNERS = {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [31, 21, 31, 116, 130, 116, 130, 21]}


def shown(tmp_path, pixels, **tags):
    return read_frame(str(builders.write_dicom(tmp_path / "a", pixels, **tags))).values


@pytest.mark.parametrize(
    ("tags", "inside"),
    [
        (RECTANGLE, INSIDE),
        (CIRCLE, DISC),
        (CORNERS, INSIDE),
        ({**RECTANGLE, **CIRCLE, "ShutterShape": ["RECTANGULAR", "CIRCULAR"]}, INSIDE & DISC),
    ],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_what_a_shutter_hides_is_the_darkest(tmp_path, tags, inside, photometric):
    pixels = np.where(inside, builders.chest(), 4095 if photometric == "MONOCHROME2" else 0)
    values = shown(tmp_path, pixels.astype(np.uint16), PhotometricInterpretation=photometric, **tags)
    assert (values[~inside] == values[inside].min()).all()
    sign = 1 if photometric == "MONOCHROME2" else -1
    assert np.array_equal(values[inside], sign * builders.chest()[inside].astype(int))


@pytest.mark.parametrize(
    "tags",
    [
        {**RECTANGLE, "ShutterLeftVerticalEdge": 130},
        {**RECTANGLE, "ShutterLowerHorizontalEdge": None},
        {**RECTANGLE, "ShutterLeftVerticalEdge": 1, "ShutterRightVerticalEdge": 9},
        {**CIRCLE, "CenterOfCircularShutter": [9000, 9000]},
        {**CORNERS, "VerticesOfThePolygonalShutter": [31, 21]},
        {"ShutterShape": "BITMAP"},
    ],
)
def test_one_that_cannot_be_used_is_passed_by(tmp_path, tags):
    assert np.array_equal(shown(tmp_path, builders.chest(), **tags), builders.chest())
