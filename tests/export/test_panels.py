"""Panels: what is drawn is where it belongs, in the colour that the legend tells."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageColor

from cxrreport.export.panels import (
    SIDE,
    Box,
    Line,
    Panel,
    colour_difference,
    colour_of,
    draw_panels,
    resize,
    shrink,
)
from cxrreport.findings import FINDINGS

YELLOW = "#ffe100"


def grey(height=200, width=160, value=90):
    return np.full((height, width), value, np.uint8)


def drawn(*panels, lines=(), banner="AI-generated draft."):
    return np.asarray(draw_panels(panels, lines, banner))


def places(picture, colour):
    """Rows and columns of the pixels of exactly this colour."""
    return np.nonzero((picture == ImageColor.getrgb(colour)).all(axis=2))


# -- films ------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 900), st.integers(1, 900))
@settings(max_examples=30, deadline=None)
def test_a_film_shrinks_to_fit_and_keeps_its_aspect(height, width):
    values = np.random.default_rng(0).normal(1000, 300, (height, width)).astype(np.float32)
    small = shrink(values)
    assert small.dtype == np.uint8 and max(small.shape) == min(SIDE, max(height, width))
    assert small.shape[0] * width == pytest.approx(small.shape[1] * height, abs=max(height, width))


def test_greys_are_spread_whatever_the_scale_of_the_values():
    values = np.linspace(0, 1, 400 * 300, dtype=np.float32).reshape(400, 300)
    small = shrink(values)
    assert small.min() == 0 and small.max() == 255
    assert np.abs(shrink(values * 4000 - 500).astype(int) - small).max() <= 1


def test_a_blank_film_is_no_error():
    assert shrink(np.full((30, 20), 7, np.float32)).shape == (30, 20)


def test_a_film_is_resized_to_another_grid():
    assert resize(grey(100, 80), 50, 90).shape == (50, 90) and (resize(grey(9, 9), 9, 9) == 90).all()


# -- the difference ---------------------------------------------------------------------------------------------------


def test_brighter_is_orange_darker_is_blue_and_the_same_is_grey():
    current, prior = grey(3, 3, 100), grey(3, 3, 100)
    current[0, 0], current[2, 2] = 220, 40
    colours = colour_difference(current, prior, np.ones((3, 3), bool)).astype(int)
    assert colours[0, 0, 0] > colours[0, 0, 1] > colours[0, 0, 2]
    assert colours[2, 2, 2] > colours[2, 2, 1] > colours[2, 2, 0]
    assert len(set(colours[1, 1])) == 1


@given(st.integers(20, 215), st.integers(0, 255))
def test_a_colour_hides_no_anatomy(now, before):
    """A rib, a vessel or a line stays brighter than its surroundings, half as much at least, whatever was before."""
    current = np.array([[now, now + 20]], np.uint8)
    colours = colour_difference(current, np.full((1, 2), before, np.uint8), np.ones((1, 2), bool))
    brightness = colours @ np.array((0.299, 0.587, 0.114))
    assert brightness[0, 1] - brightness[0, 0] > 8


def test_noise_and_what_the_prior_does_not_cover_have_no_colour():
    current, prior, inside = grey(2, 2, 100), grey(2, 2, 100), np.ones((2, 2), bool)
    prior[0, 0], prior[1, 1], inside[1, 1] = 108, 0, False
    colours = colour_difference(current, prior, inside)
    assert (colours == colours[..., :1]).all()


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_panels_stand_side_by_side_in_order():
    picture = drawn(Panel("a", grey(value=50)), Panel("b", grey(value=100)), Panel("c", grey(value=200)))
    middles = [np.median(places(picture, f"#{value:02x}{value:02x}{value:02x}")[1]) for value in (50, 100, 200)]
    assert np.diff(middles).min() >= 160
    assert all((picture == value).all(axis=2).sum() >= 200 * 160 for value in (50, 100, 200))


def test_panels_of_other_sizes_all_fit():
    picture = drawn(Panel("a", grey(50, 400)), Panel("A title that is wider than its film", grey(300, 20, 200)))
    assert (picture == 90).all(axis=2).sum() >= 50 * 400 and (picture == 200).all(axis=2).sum() >= 300 * 20


def test_a_box_is_drawn_at_its_place_in_its_colour():
    plain = drawn(Panel("a", grey()))
    top, left = (int(place.min()) for place in places(plain, "#5a5a5a"))
    picture = drawn(Panel("a", grey(), (Box(40, 60, 50, 30, YELLOW),)))
    rows, columns = places(picture, YELLOW)
    assert (rows.min() - top, rows.max() - top + 1) == (60, 90)
    assert (columns.min() - left, columns.max() - left + 1) == (40, 90)
    assert (picture[top + 75, left + 65] == 90).all()


@given(st.floats(-20, 220), st.floats(-20, 220), st.floats(1, 250), st.floats(1, 250))
@settings(max_examples=30, deadline=None)
def test_boxes_and_names_never_leave_their_panel(x, y, w, h):
    plain = drawn(Panel("a", grey()), Panel("b", grey()))
    picture = drawn(Panel("a", grey(), (Box(x, y, w, h, YELLOW, "pleural effusion"),)), Panel("b", grey()))
    assert plain.shape == picture.shape
    changed = np.nonzero((plain != picture).any(axis=2))
    top, left = (int(place.min()) for place in places(plain, "#5a5a5a"))
    assert set(changed[0]) <= set(range(top, top + 200)) and set(changed[1]) <= set(range(left, left + 160))


def test_the_legend_shows_the_colour_of_the_boxes_below_the_films():
    with_line = drawn(Panel("a", grey()), lines=[Line("pleural effusion: new (0.90)", YELLOW), Line("No more.")])
    rows, _ = places(with_line, YELLOW)
    assert rows.size and rows.min() > places(with_line, "#5a5a5a")[0].max()


def test_a_long_line_is_broken_and_makes_the_picture_taller_not_wider():
    short, long = (drawn(Panel("a", grey()), lines=[Line("word " * count, YELLOW)]) for count in (3, 80))
    assert long.shape[1] == short.shape[1] and long.shape[0] > short.shape[0] + 40
    assert len(places(short, YELLOW)[0]) == len(places(long, YELLOW)[0])


def test_the_banner_is_on_top_of_every_picture():
    told, silent = drawn(Panel("a", grey()), banner="For research use only."), drawn(Panel("a", grey()), banner="")
    rows = np.nonzero((told != silent).any(axis=(1, 2)))[0]
    assert rows.size and rows.max() < 32


def test_every_finding_has_a_colour_of_its_own():
    assert len({colour_of(finding) for finding in FINDINGS}) == len(FINDINGS)
    assert ImageColor.getrgb(colour_of(None)) and ImageColor.getrgb(colour_of("something else"))
