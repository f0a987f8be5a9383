"""Inserted lesions do to a film what the disease does."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.inserted.chest import X, Y, survey
from cxrreport.phantoms.inserted.insertion import insert
from cxrreport.phantoms.inserted.lungs import find_lungs
from cxrreport.phantoms.painters import PAINTERS
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.phantoms.samples import PLACES

FILLING = ("consolidation", "pneumonia", "lung opacity", "lung lesion", "edema", "pleural effusion", "pleural other")


@cache
def chest():
    film = preprocess(draw_frontal(6, (), exposure_seed=6, side=256).pixels)
    lungs = find_lungs(film)
    assert lungs.found == {"right", "left"}
    return survey(film, lungs)


def shown(finding, severity, side=None, zone="mid", seed=1):
    return insert(chest(), [Lesion(finding, side or PLACES[finding][0], severity, zone)], seed)


def change(*args, **keywords):
    return shown(*args, **keywords) - chest().grey


def base(name):
    """The lowest quarter of one lung."""
    side = chest().lungs[name]
    return (side.region > 0.8) & (side.low - 0.25 * (side.low - side.apex) < Y)


def test_without_lesions_the_image_is_as_it_was():
    assert np.array_equal(insert(chest(), [], 1), chest().grey)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_growing_effusion_brightens_the_base_of_its_lung_and_rises(side):
    other = {"right": "left", "left": "right"}[side]
    films = [shown("pleural effusion", severity, side) for severity in (0.2, 0.5, 0.9)]
    brightness = [film[base(side)].mean() for film in films]
    assert chest().grey[base(side)].mean() < brightness[0] < brightness[1] <= brightness[2] + 0.02
    lung = chest().lungs[side].region > 0.8
    tops = [np.flatnonzero(((film - chest().grey > 0.08) & lung).any(axis=1))[0] for film in films]
    assert tops[0] > tops[1] > tops[2]
    assert all(np.abs(film - chest().grey)[chest().lungs[other].region > 0.8].max() < 0.02 for film in films)


def test_the_fluid_climbs_the_chest_wall():
    side = chest().lungs["right"]
    wet = change("pleural effusion", 0.5, "right") > 0.10
    lateral, medial = (
        (side.region > 0.8) & (part) for part in (side.wall < 0.25 * side.width, side.wall > 0.6 * side.width)
    )
    assert np.nonzero(wet & lateral)[0].min() < np.nonzero(wet & medial)[0].min()


def test_a_pneumothorax_is_dark_and_bare_beyond_the_edge_of_the_lung():
    side = chest().lungs["left"]
    film = shown("pneumothorax", 0.8, "left")
    beyond = (
        (side.region > 0.95)
        & (side.wall > 0.015)
        & (side.wall < 0.05)
        & (side.apex + 0.5 * (side.dome - side.apex) > Y)
    )
    deep = (side.region > 0.95) & (side.wall > 0.75 * side.width)
    assert film[beyond].mean() < chest().grey[beyond].mean() - 0.03
    assert film[deep].mean() > chest().grey[deep].mean()


def test_a_larger_pneumothorax_leaves_less_lung():
    dark = [(change("pneumothorax", severity, "left") < -0.02).sum() for severity in (0.2, 0.5, 0.9)]
    assert dark[0] < dark[1] < dark[2]


@pytest.mark.parametrize("finding", FILLING)
@given(seed=st.integers(0, 99), low=st.floats(0.15, 0.7), zone=st.sampled_from(["upper", "mid", "lower"]))
@settings(max_examples=6, deadline=None)
def test_what_fills_the_lung_gets_whiter_with_severity(finding, seed, low, zone):
    mild, severe = (change(finding, severity, zone=zone, seed=seed).sum() for severity in (low, low + 0.28))
    assert 0 < mild < severe


@given(
    st.lists(st.sampled_from(sorted(PAINTERS)), max_size=3, unique=True), st.integers(0, 10**6), st.floats(0, 1),
    st.sampled_from(["upper", "mid", "lower"]),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_grey_values_never_leave_their_range(findings, seed, severity, zone):
    film = insert(chest(), [Lesion(f, PLACES[f][seed % len(PLACES[f])], severity, zone) for f in findings], seed)
    assert film.dtype == np.float32 and film.shape == (256, 256) and np.isfinite(film).all()
    assert film.min() >= 0 and film.max() <= 1


@pytest.mark.parametrize("finding", sorted(PAINTERS))
def test_every_lesion_shows_and_stays_where_it_is_when_it_grows(finding):
    mild, severe = (np.abs(change(finding, severity)) for severity in (0.5, 0.95))
    assert mild.max() > 0.04 and severe.max() > 0.04
    centre = [[(layer * axis).sum() / layer.sum() for axis in (X, Y)] for layer in (mild, severe)]
    assert np.hypot(*np.subtract(*centre)) < 0.12


@pytest.mark.parametrize("finding", sorted(set(PAINTERS) - {"support devices"}))
def test_the_black_around_the_patient_stays_black(finding):
    black = chest().grey < 0.02
    assert np.abs(change(finding, 0.9))[black & (Y < 0.08)].max(initial=0) < 0.05


def test_a_large_heart_takes_room_from_the_lungs_and_a_larger_one_more():
    side = chest().lungs["left"]
    beside = (side.region > 0.5) & (side.wall > 0.35 * side.width) & (np.abs(Y - side.down(0.84)) < 0.1)
    brightness = [shown("cardiomegaly", severity)[beside].mean() for severity in (0.15, 0.5, 1.0)]
    assert chest().grey[beside].mean() < brightness[0] < brightness[1] < brightness[2]


def test_devices_are_bright_and_lie_on_their_side():
    pacemaker = change("support devices", 0.6, "left")
    assert pacemaker.max() > 0.1 and pacemaker.min() > -0.01
    assert pacemaker[:, 128:].sum() > pacemaker[:, :128].sum()


def test_the_seed_shapes_a_lesion():
    assert np.array_equal(shown("pneumonia", 0.5, seed=3), shown("pneumonia", 0.5, seed=3))
    assert not np.allclose(shown("pneumonia", 0.5, seed=3), shown("pneumonia", 0.5, seed=4))
