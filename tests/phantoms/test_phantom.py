import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.findings import FINDINGS
from cxrreport.phantoms.canvas import Canvas, Pose
from cxrreport.phantoms.exposure import Exposure
from cxrreport.phantoms.frontal import frontal_scene
from cxrreport.phantoms.leg import draw_leg
from cxrreport.phantoms.patient import Lesion, Patient
from cxrreport.phantoms.phantom import DRAWN, add_lesions, draw_frontal, draw_lateral
from cxrreport.phantoms.samples import PLACES, ZONED

SIDE = 192
DRAW = {"frontal": draw_frontal, "lateral": draw_lateral}


def everyday(finding: str, severity: float = 0.7) -> Lesion:
    return Lesion(finding, PLACES[finding][0], severity, "mid" if finding in ZONED else "lower")


def middle(box: tuple[int, int, int, int]) -> tuple[float, float]:
    x, y, w, h = box
    return (x + w / 2) / SIDE, (y + h / 2) / SIDE


def inside(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, w, h = box
    return pixels[y : y + h, x : x + w]


@pytest.mark.parametrize("view", DRAW)
def test_pixels_are_an_image_and_the_same_of_the_same_seeds(view):
    lesions = [everyday("consolidation"), everyday("edema")]
    pixels, again = (DRAW[view](5, lesions, exposure_seed=2, side=SIDE).pixels for _ in range(2))
    assert np.array_equal(pixels, again)
    assert pixels.dtype == np.float32 and pixels.shape == (SIDE, SIDE)
    assert pixels.min() >= 0 and pixels.max() <= 1
    assert pixels.std() > 0.15


def test_patients_differ_and_visits_differ_less():
    one, other = draw_frontal(1, [], side=SIDE).pixels, draw_frontal(2, [], side=SIDE).pixels
    again = draw_frontal(1, [], exposure_seed=1, side=SIDE).pixels
    assert not np.array_equal(one, again)
    assert np.abs(one - other).mean() > 0.02


@pytest.fixture(scope="module")
def median():
    """Median image over patients."""
    return np.median([draw_frontal(seed, [], side=SIDE).pixels for seed in range(9)], axis=0)


def test_anatomy_lies_where_it_should(median):
    """Black lungs, bright heart, spine and abdomen, black air beside the neck."""

    def at(x: float, y: float) -> float:
        row, column = round(y * SIDE), round(x * SIDE)
        return float(np.median(median[row - 3 : row + 4, column - 3 : column + 4]))

    places = ((0.28, 0.45), (0.74, 0.40), (0.56, 0.6), (0.35, 0.9), (0.04, 0.04))
    right_lung, left_lung, heart, abdomen, air = (at(*place) for place in places)
    assert air < 0.15 < right_lung < heart - 0.1 and left_lung < heart - 0.1
    assert heart < abdomen + 0.05
    assert at(0.62, 0.62) > at(0.36, 0.62) + 0.05, "the heart reaches further to the patient's left"


def test_the_right_hemidiaphragm_is_higher(median):
    def dome(x: float) -> int:
        column = median[SIDE // 2 :, round(x * SIDE)]
        return int(np.argmax(np.diff(column[: SIDE // 3])))

    assert dome(0.33) < dome(0.70)


@pytest.mark.parametrize("finding", FINDINGS[:-1])
@pytest.mark.parametrize("view", DRAW)
def test_every_finding_shows_and_has_its_box(finding, view):
    lesion = everyday(finding)
    healthy, ill = (DRAW[view](11, lesions, side=SIDE) for lesions in ([], [lesion]))
    assert healthy.boxes == {}
    x, y, w, h = ill.boxes[0]
    assert 0 <= x < x + w <= SIDE and 0 <= y < y + h <= SIDE
    # Developing is global, so compare the change in the box with the change elsewhere.
    change = np.abs(ill.pixels - healthy.pixels)
    outside = np.ones_like(change, dtype=bool)
    outside[y : y + h, x : x + w] = False
    assert np.percentile(inside(change, ill.boxes[0]), 95) > 2 * np.median(change[outside])


@pytest.mark.parametrize("finding", [name for name, places in PLACES.items() if "left" in places])
def test_left_is_the_right_half_of_a_frontal_film(finding):
    zone = "upper" if finding == "pneumothorax" else "mid"
    for side, on_the_right in (("left", True), ("right", False)):
        box = draw_frontal(4, [Lesion(finding, side, 0.5, zone)], side=SIDE).boxes[0]
        if finding != "support devices":  # leads and lines cross the midline
            assert (middle(box)[0] > 0.5) is on_the_right


def test_zones_are_in_order():
    heights = [
        middle(draw_frontal(4, [Lesion("lung lesion", "left", 0.4, z)], side=SIDE).boxes[0])[1]
        for z in ("upper", "mid", "lower")
    ]
    assert heights == sorted(heights) and heights[2] - heights[0] > 0.2


def test_both_views_show_one_place():
    lesion = Lesion("lung lesion", "right", 0.5, "lower")
    heights = [middle(DRAW[view](8, [lesion], side=SIDE).boxes[0])[1] for view in DRAW]
    assert abs(heights[0] - heights[1]) < 0.08


@pytest.mark.parametrize("finding", ["pleural effusion", "consolidation", "cardiomegaly", "lung lesion"])
def test_severity_grows(finding):
    areas = []
    for severity in (0.2, 0.5, 0.9):
        lesion = replace(everyday(finding), severity=severity)
        _, _, w, h = draw_frontal(6, [lesion], side=SIDE).boxes[0]
        areas.append(w * h)
    assert areas == sorted(areas) and areas[2] > 1.1 * areas[0]


def test_pneumothorax_takes_more_tissue_away_as_it_grows():
    lost = []
    for severity in (0.1, 0.4, 0.7, 1.0):
        scene = frontal_scene(Canvas(SIDE), Patient.from_seed(6))
        before = scene.attenuation()
        add_lesions(scene, [Lesion("pneumothorax", "left", severity, "upper")])
        lost.append(int((before - scene.attenuation() > 0.1).sum()))
    assert lost == sorted(lost) and lost[-1] > 3 * lost[0] > 0


def test_a_lesion_stays_where_it_was():
    lesion = Lesion("consolidation", "right", 0.6, "mid")
    spots = [middle(draw_frontal(9, [lesion], exposure_seed=visit, side=SIDE).boxes[0]) for visit in range(4)]
    assert np.ptp(np.asarray(spots), axis=0).max() < 0.09


def test_effusion_whitens_the_base_and_pneumothorax_blackens_the_apex():
    healthy = draw_frontal(12, [], side=SIDE)
    fluid = draw_frontal(12, [Lesion("pleural effusion", "right", 0.6)], side=SIDE)
    x, y, w, h = fluid.boxes[0]
    low = (x, y + h // 3, w // 2, h // 3)
    assert inside(fluid.pixels, low).mean() > inside(healthy.pixels, low).mean() + 0.1
    air = draw_frontal(12, [Lesion("pneumothorax", "left", 0.9)], side=SIDE)
    x, y, w, h = air.boxes[0]
    rim = (x + w * 3 // 5, y + h // 5, w // 5, h // 10)
    assert inside(air.pixels, rim).mean() < inside(healthy.pixels, rim).mean() - 0.02


def test_boxes_are_numbered_as_the_lesions_were_given():
    lesions = [
        Lesion("support devices", "left", 0.5),
        Lesion("cardiomegaly", "midline", 0.8),
        Lesion("lung lesion", "right", 0.5, "upper"),
        Lesion("enlarged cardiomediastinum", "midline", 0.8),
    ]
    boxes = draw_frontal(2, lesions, side=SIDE).boxes
    assert set(boxes) == {0, 1, 2, 3}
    assert middle(boxes[2])[0] < 0.5 < middle(boxes[0])[0]
    assert boxes[1][2] > boxes[2][2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2**31), st.sampled_from(["frontal", "lateral"]))
def test_positioning_stays_within_its_limits(patient, visit, view):
    pose = Exposure.from_seed(patient, visit, view).pose
    assert abs(pose.angle) <= math.radians(3) + 1e-12
    assert abs(pose.dx) <= 0.025 and abs(pose.dy) <= 0.025 and 0.96 <= pose.scale <= 1.04


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.05, 0.05), st.floats(-0.03, 0.03), st.floats(-0.03, 0.03), st.floats(0.9, 1.1))
def test_place_undoes_grid(angle, dx, dy, scale):
    canvas = Canvas(64, Pose(angle, dx, dy, scale))
    x, y = canvas.grid
    points = np.stack([x[10, 20:23], y[10, 20:23]], axis=1).astype(np.float64)
    np.testing.assert_allclose(canvas.place(points), [[20.5, 10.5], [21.5, 10.5], [22.5, 10.5]], atol=1e-3)


@pytest.mark.parametrize(
    "wrong", [("no finding", "left", 0.5), ("cough", "left", 0.5), ("edema", "up", 0.5), ("edema", "both", 1.5)]
)
def test_impossible_lesions_are_refused(wrong):
    with pytest.raises(ValueError, match="not a"):
        Lesion(*wrong)


def test_every_finding_has_a_painter_and_places():
    assert set(PLACES) == set(DRAWN) == set(FINDINGS[:-1])


def test_a_leg_is_no_chest():
    leg = draw_leg(3, 128)
    assert leg.dtype == np.float32 and leg.shape == (128, 128)
    assert leg[64:, :16].mean() < 0.15, "air beside the knee"
    assert leg[20:50, 60:68].mean() > leg[20:50, 36:44].mean() + 0.1, "bone is brighter than flesh"
    assert not np.array_equal(leg, draw_leg(4, 128))
