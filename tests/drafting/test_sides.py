import pytest

from cxrreport.drafting.sides import wrong_sides
from cxrreport.records import Region

WIDTH = 1000


def box(x, w=100, kind="change", finding="pleural effusion"):
    return Region(kind, x, 500, w, 100, 0.9, finding)


@pytest.mark.parametrize(
    ("side", "regions", "wrong"),
    [
        ("left", [box(100)], True),  # the left half of the film is the right side of the patient
        ("right", [box(100)], False),
        ("right", [box(800)], True),
        ("left", [box(100), box(800)], False),
        ("left", [box(460)], False),  # in the middle
        ("left", [box(100, kind="evidence")], False),
        ("left", [box(100, finding="atelectasis")], False),
        ("left", [], False),
        ("bilateral", [box(100)], False),
    ],
)
def test_a_text_that_names_the_other_side_is_found(side, regions, wrong):
    assert wrong_sides({"pleural effusion": side}, regions, WIDTH) == (("pleural effusion",) if wrong else ())
