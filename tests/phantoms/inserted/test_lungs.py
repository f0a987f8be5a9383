"""Lungs are found where they were drawn, and nowhere where there are none."""

from functools import cache

import numpy as np
import pytest
from builders.data import DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrreport.datasets.disk import read_pixels
from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.canvas import Canvas
from cxrreport.phantoms.exposure import Exposure
from cxrreport.phantoms.frontal import frontal_scene
from cxrreport.phantoms.inserted.chest import survey
from cxrreport.phantoms.inserted.lungs import find_lungs
from cxrreport.phantoms.patient import Patient
from cxrreport.phantoms.phantom import draw_frontal

ANATOMY = DATA / "chest-anatomy"
SEEDS = range(3, 13)


def dice(a, b):
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


@cache
def film(seed):
    return preprocess(draw_frontal(seed, (), exposure_seed=seed, side=256).pixels)


def drawn(seed, side):
    """The lung as it was drawn: what heart and mediastinum leave of the cavity."""
    pose = Exposure.from_seed(seed, seed, "frontal").pose
    return frontal_scene(Canvas(256, pose), Patient.from_seed(seed)).free(side) > 4.0


def test_the_lungs_of_a_phantom_are_found_where_they_were_drawn():
    overlaps = [
        [dice(find_lungs(film(seed)).masks[side], drawn(seed, side)) for side in ("right", "left")] for seed in SEEDS
    ]
    assert np.median(overlaps) > 0.85 and np.min(overlaps) > 0.6
    assert np.mean([len(find_lungs(film(seed)).found) for seed in SEEDS]) > 1.5


def test_right_and_left_are_those_of_the_patient_and_apart():
    masks = find_lungs(film(4)).masks
    columns = {side: np.nonzero(masks[side])[1].mean() for side in masks}
    assert columns["right"] < 118 and columns["left"] > 138
    assert not (masks["right"] & masks["left"]).any()


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_a_film_without_lungs_gets_average_ones_and_says_so(grey):
    lungs = find_lungs(np.full((256, 256), grey, np.uint8))
    assert lungs.found == frozenset()
    assert all(0.05 < mask.mean() < 0.27 and mask.shape == (256, 256) for mask in lungs.masks.values())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31 - 1), st.booleans())
def test_any_film_has_two_masks_of_a_plausible_size(seed, smooth):
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (8, 8) if smooth else (256, 256), dtype=np.uint8)
    lungs = find_lungs(np.asarray(Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC)))
    for side in ("right", "left"):
        assert lungs.masks[side].dtype == np.bool_ and lungs.masks[side].any()
        if side in lungs.found:
            assert 0.05 <= lungs.masks[side].mean() <= 0.27


def test_landmarks_lie_in_the_order_of_the_body():
    chest = survey(film(6), find_lungs(film(6)))
    for name, sign in (("right", -1), ("left", 1)):
        side = chest.lungs[name]
        assert side.apex < side.dome <= side.low
        assert sign * (side.outer - side.inner) > 0.08 and sign * (side.inner - chest.middle) > 0
    inside = chest.lungs["right"].region > 0.9
    abdomen = np.s_[215:250, 60:200]
    assert chest.air[inside].mean() > 3 * chest.air[abdomen].mean() and (chest.air >= 0).all()


@pytest.mark.skipif(not ANATOMY.is_dir(), reason="the films with masks are not here")
def test_lungs_of_real_films_overlap_what_was_outlined_by_hand():
    """Outlines reach behind the heart, where no lung shows; that part is left out."""
    overlaps = {"right": [], "left": []}
    for path in sorted((ANATOMY / "masks").glob("*__left_lung.png")):
        name = path.name.split("__")[0]
        films = [film for film in (ANATOMY / "images").iterdir() if film.stem == name]
        masks = {part: outlined(name, part) for part in ("right_lung", "left_lung", "cardiomediastinum")}
        if not films or any(mask is None for mask in masks.values()):
            continue
        lungs = find_lungs(preprocess(read_pixels(films[0])))
        for side in lungs.found:
            overlaps[side].append(dice(lungs.masks[side], masks[f"{side}_lung"] & ~masks["cardiomediastinum"]))
    assert len(overlaps["right"]) > 40 and len(overlaps["left"]) > 40
    assert np.median(overlaps["right"]) > 0.86 and np.median(overlaps["left"]) > 0.78


def outlined(name, part):
    path = ANATOMY / "masks" / f"{name}__{part}.png"
    return (
        np.asarray(Image.open(path).convert("L").resize((256, 256), Image.Resampling.BOX)) > 127
        if path.exists()
        else None
    )
