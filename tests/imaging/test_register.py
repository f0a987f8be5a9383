"""What registration must do for a comparison: bring one person's images together, keep what changed, refuse the rest."""

import csv
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from builders.data import data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrreport.imaging.match import body, content, grey_table
from cxrreport.imaging.preprocess import preprocess
from cxrreport.imaging.register import register
from cxrreport.phantoms.leg import draw_leg
from cxrreport.phantoms.phantom import Lesion, draw_frontal, draw_lateral

few = settings(max_examples=8, deadline=None, derandomize=True)
PATIENTS = (1, 2, 4)


@cache
def frontal(patient, lesions=(), exposure=0, side=256):
    return preprocess(draw_frontal(patient, lesions, exposure_seed=exposure, side=side).pixels)


def moved(pixels, degrees=0.0, scale=1.0, shift=(0.0, 0.0)):
    """The image turned, shrunk or stretched about its centre and shifted, by Pillow: another code than the one under test."""
    height, width = pixels.shape
    angle = np.radians(degrees)
    a, b = np.cos(angle) / scale, np.sin(angle) / scale
    x, y = width / 2 + shift[0], height / 2 + shift[1]
    matrix = (a, b, width / 2 - a * x - b * y, -b, a, height / 2 + b * x - a * y)
    return np.asarray(
        Image.fromarray(pixels).transform((width, height), Image.Transform.AFFINE, matrix, Image.BILINEAR)
    )


def spot(pixels, row, column, size=20, height=70.0):
    """The image with an opacity of Gaussian shape."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    bump = height * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * size**2))
    return np.clip(pixels + bump, 0, 255).astype(np.uint8)


def off(current, found):
    """Mean difference in grey levels where both images show the body."""
    shown = found.inside & body(current)
    return np.abs(current[shown].astype(float) - found.pixels[shown]).mean()


def plainly_off(current, prior):
    return np.abs(current[body(current)].astype(float) - prior[body(current)]).mean()


# -- images that belong together ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_image_beside_itself_stays_where_it_is(patient):
    pixels = frontal(patient)
    found = register(pixels, pixels)
    assert found.registered and found.usable and found.quality > 0.99
    assert np.abs(pixels.astype(int) - found.pixels)[found.inside].mean() < 1


@few
@given(
    st.sampled_from(PATIENTS),
    st.floats(-6, 6),
    st.floats(0.93, 1.08),
    st.tuples(st.floats(-16, 16), st.floats(-16, 16)),
)
def test_a_moved_image_comes_back(patient, degrees, scale, shift):
    pixels = frontal(patient)
    found = register(pixels, moved(pixels, degrees, scale, shift))
    assert found.registered and found.quality > 0.93
    assert off(pixels, found) < 5


def test_the_same_images_give_the_same_result():
    current, prior = frontal(1, exposure=1), frontal(1)
    one, other = register(current, prior), register(current, prior)
    assert np.array_equal(one.pixels, other.pixels) and one.quality == other.quality


@pytest.mark.parametrize("patient", PATIENTS)
def test_two_visits_come_closer_than_they_lie(patient):
    current, prior = frontal(patient, exposure=3), moved(frontal(patient), 3, 1.03, (6, -5))
    found = register(current, prior)
    assert found.registered and off(current, found) < 0.6 * plainly_off(current, prior)


@pytest.mark.parametrize(
    "lesion",
    [
        Lesion("pleural effusion", "left", 1.0),
        Lesion("consolidation", "right", 1.0, "lower"),
        Lesion("pneumothorax", "left", 1.0),
        Lesion("cardiomegaly", "midline", 1.0),
        Lesion("edema", "both", 1.0),
    ],
    ids=lambda lesion: lesion.finding,
)
def test_lesions_that_come_or_go_do_not_lead_it_astray(lesion):
    healthy, ill = frontal(1), frontal(1, (lesion,), exposure=1)
    assert register(ill, healthy).registered and register(healthy, ill).registered


@pytest.mark.parametrize("side", [slice(30, 126), slice(132, 226)], ids=["right", "left"])
def test_a_lung_turned_white_is_no_negative(side):
    white = frontal(2).copy()
    white[40:190, side] = np.maximum(white[40:190, side], 215)
    for current, prior in ((white, frontal(2, exposure=1)), (frontal(2, exposure=1), white)):
        assert register(current, prior).usable


@pytest.mark.parametrize("sides", [(512, 256), (256, 512)])
def test_the_result_is_on_the_current_grid_whatever_the_sizes(sides):
    current = preprocess(draw_frontal(1, (), side=256).pixels)
    current = np.asarray(Image.fromarray(current).resize((sides[0], sides[0] - 32)))
    found = register(current, np.asarray(Image.fromarray(frontal(1)).resize((sides[1],) * 2)))
    assert found.pixels.shape == found.inside.shape == current.shape and found.registered
    assert off(current, found) < 5


def test_nothing_is_claimed_where_the_prior_does_not_reach():
    pixels = frontal(1)
    found = register(pixels, moved(pixels, shift=(0, 30)))
    assert found.registered and not found.inside[-20:].any() and found.inside[40:200, 60:200].all()
    assert not found.pixels[~found.inside].any()


def test_elastic_takes_up_what_no_affine_transform_can():
    pixels = frontal(1)
    y, x = np.mgrid[:256, :256].astype(float)
    rows = np.clip(y + 7 * np.sin(2 * np.pi * (x / 256 + 0.25)) * np.sin(2 * np.pi * y / 256), 0, 255)
    bent = pixels[rows.round().astype(int), x.astype(int)]
    stiff, soft = register(pixels, bent), register(pixels, bent, elastic=True)
    assert soft.registered and soft.quality > stiff.quality and off(pixels, soft) < 0.85 * off(pixels, stiff)


# -- grey values ------------------------------------------------------------------------------------------------------


@few
@given(st.sampled_from(PATIENTS), st.floats(0.6, 1.6), st.floats(0.6, 1.0), st.floats(0, 40))
def test_another_machine_makes_no_difference(patient, gamma, slope, offset):
    pixels = frontal(patient)
    other = np.round(np.clip(offset + slope * 255 * (pixels / 255) ** gamma, 0, 255)).astype(np.uint8)
    found = register(pixels, other)
    assert found.registered and off(pixels, found) < 3


@pytest.mark.parametrize("place", [(110, 75), (150, 185)])
@pytest.mark.parametrize("came", [True, False], ids=["came", "went"])
def test_an_opacity_keeps_its_contrast(place, came):
    """Though the machine differs and the image is moved, the difference at the opacity is most of its height."""
    plain, ill = frontal(1), spot(frontal(1), *place)
    current, earlier = (ill, plain) if came else (plain, ill)
    prior = moved(np.round(255 * (earlier / 255) ** 1.3).astype(np.uint8), 2, 1.02, (4, 3))
    found = register(current, prior)
    signed = (current.astype(float) - found.pixels) * (1 if came else -1)
    core = np.hypot(*(np.mgrid[:256, :256] - np.reshape(place, (2, 1, 1)))) < 10
    height = (ill.astype(float) - plain)[core].mean()
    far = found.inside & body(current) & (np.hypot(*(np.mgrid[:256, :256] - np.reshape(place, (2, 1, 1)))) > 60)
    assert found.registered and signed[core].mean() > 0.75 * height > 6 * np.abs(signed[far]).mean()


@few
@given(st.integers(0, 999))
def test_the_curve_of_grey_values_never_falls(seed):
    rng = np.random.default_rng(seed)
    now, before = rng.integers(0, 256, (2, 64, 64), dtype=np.uint8)
    for aligned in (True, False):
        table = grey_table(now, before, np.ones((64, 64), bool), aligned=aligned)
        assert table.shape == (256,) and (np.diff(table.astype(int)) >= 0).all()


# -- images that do not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("patient", "turns"), [*zip(PATIENTS, (1, 2, 3))])
def test_a_turned_prior_is_no_prior(patient, turns):
    found = register(frontal(patient, exposure=1), np.rot90(frontal(patient), turns))
    assert found.reason == "prior.rotated" and not found.usable and not found.registered


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_negative_is_no_prior(patient):
    negative = preprocess(255 - frontal(patient).astype(np.float32))
    assert register(frontal(patient, exposure=1), negative).reason == "prior.inverted"


def test_a_mirrored_prior_is_no_prior():
    heart = (Lesion("cardiomegaly", "midline", 1.0),)
    found = register(frontal(4, heart, exposure=1), np.ascontiguousarray(frontal(4, heart)[:, ::-1]))
    assert found.reason == "prior.mirrored" and not found.usable


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_lateral_image_is_another_view(patient):
    lateral = preprocess(draw_lateral(patient, (), side=256).pixels)
    assert not register(frontal(patient), lateral).usable
    assert not register(lateral, frontal(patient)).usable


def test_a_leg_is_another_view():
    leg = preprocess(draw_leg(3, side=256))
    assert register(frontal(1), leg).reason == "prior.other_view"


@pytest.mark.parametrize("scale", [0.45, 2.2])
def test_an_impossible_change_of_size_is_refused(scale):
    found = register(frontal(1), moved(frontal(1), scale=scale))
    assert not found.registered and found.reason.startswith(("registration.poor", "prior."))
    assert found.pixels.shape == (256, 256) and 0 <= found.quality <= 1


def test_images_that_show_nothing_are_refused():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    for nothing in (np.zeros((256, 256), np.uint8), np.full((256, 256), 200, np.uint8), noise):
        for current, prior in ((frontal(1), nothing), (nothing, frontal(1)), (nothing, nothing[::-1, ::-1].copy())):
            found = register(current, prior)
            assert found.pixels.shape == current.shape and 0 <= found.quality <= 1
            assert not found.registered or nothing is noise


@pytest.mark.parametrize(
    "pixels", [np.zeros((256, 256)), np.zeros((16, 16), np.uint8), np.zeros((64, 64, 3), np.uint8)]
)
def test_what_is_no_image_is_said_so(pixels):
    with pytest.raises(ValueError, match="uint8"):
        register(frontal(1), pixels)


# -- masks and surroundings -------------------------------------------------------------------------------------------


def test_shutters_are_no_content_and_letters_no_body():
    pixels = frontal(1).copy()
    pixels[:, :20], pixels[-15:] = 0, 0
    pixels[100:112, 30:34] = 255
    assert (
        not content(pixels)[:, :16].any() and not content(pixels)[-12:].any() and content(pixels)[60:180, 60:200].all()
    )
    assert not body(pixels)[101:111, 30:34].any() and body(pixels)[80:160, 60:200].mean() > 0.9


@pytest.mark.parametrize("first", ["imaging.register", "retrieval.index"])
def test_it_lives_in_one_process_with_the_search_of_vectors(first, tmp_path):
    """SimpleITK and faiss are wrapped by SWIG alike, and give each other their classes."""
    code = f"""
import cxrreport.{first}, numpy as np
from cxrreport.imaging.register import register
from cxrreport.retrieval.build import build, open_index
from cxrreport.retrieval.segment import Part
from pathlib import Path
ids = np.array([5, 6])
folder = Path({str(tmp_path)!r})
build(folder, iter([{{"text": Part(ids, ids, np.eye(2, dtype=np.float32))}}]), model_sha256="0" * 64, source={{}})
pixels = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
assert register(pixels, pixels, elastic=True).quality > 0.9
assert open_index(folder).text.search(np.eye(2, dtype=np.float32), 1)[1].ravel().tolist() == [5, 6]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_real_pairs_are_hardly_ever_refused():
    nih = data("nih")
    rows = list(csv.DictReader((nih / "pairs.csv").open()))[::50]
    reasons = []
    for row in rows:
        images = [nih / "images" / f"{row[key]}.jpg" for key in ("id_curr", "id_prev")]
        current, prior = (
            preprocess(np.asarray(Image.open(pixels).convert("L"), dtype=np.float32)) for pixels in images
        )
        reasons.append(register(current, prior).reason)
    assert len(rows) > 7 and reasons.count("") >= len(rows) - 1
    assert not any(reason.startswith("prior.") for reason in reasons)
