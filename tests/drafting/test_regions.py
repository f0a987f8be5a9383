import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.drafting.regions import LEVEL, MOST_BOXES, SIDE, Maps, as_stored, find_regions, heat_map, mark_regions
from cxrreport.drafts import Finding, Region
from cxrreport.findings import FINDINGS, Change, State

NOISE = st.tuples(st.sampled_from([7, 14]), st.integers(0, 2**32 - 1), st.floats(0.3, 1))
SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


def spotted(row, column, g=14, value=0.9):
    grid = np.full((g, g), 0.01, np.float32)
    grid[row, column] = value
    return grid


def noisy(g, seed, top):
    return np.random.default_rng(seed).uniform(0, top, (g, g)).astype(np.float32)


def box(region):
    return region.x, region.y, region.x + region.w, region.y + region.h


def changed(finding, change, state=State.POSITIVE):
    return Finding(finding, state, 0.9, State.NEGATIVE, 0.1, change, 0.8)


# -- heat maps --------------------------------------------------------------------------------------------------------


def test_a_heat_map_covers_the_film_and_keeps_the_place_and_the_value():
    heat = heat_map(spotted(3, 10))
    assert heat.shape == (SIDE, SIDE) and heat.dtype == np.float32
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert (row * 14 // SIDE, column * 14 // SIDE) == (3, 10)
    assert heat.max() == pytest.approx(0.9, abs=0.05) and heat.min() >= 0


def test_a_flat_map_stays_flat_to_the_border():
    assert heat_map(np.full((7, 7), 0.4, np.float32)) == pytest.approx(0.4)


# -- boxes ------------------------------------------------------------------------------------------------------------


@given(NOISE, SIZES)
@settings(max_examples=60, deadline=None)
def test_boxes_lie_inside_the_image_and_the_peak_in_the_first(noise, size):
    heat, (height, width) = heat_map(noisy(*noise)), size
    regions = find_regions(heat, height, width, "change", "edema")
    assert 1 <= len(regions) <= MOST_BOXES
    for region in regions:
        left, top, right, bottom = box(region)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert LEVEL < region.score <= 1 and (region.kind, region.finding) == ("change", "edema")
    assert [r.score for r in regions] == sorted((r.score for r in regions), reverse=True)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    left, top, right, bottom = box(regions[0])
    assert left <= (column + 0.5) * width / SIDE <= right and top <= (row + 0.5) * height / SIDE <= bottom
    assert regions[0].score == pytest.approx(float(heat.max()))


@given(st.sampled_from([7, 14]), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_what_stays_below_the_level_has_no_box(g, seed):
    assert find_regions(heat_map(noisy(g, seed, LEVEL)), 300, 200, "change") == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0])
def test_what_is_no_number_has_no_box(value):
    assert find_regions(heat_map(np.full((14, 14), value)), 300, 200, "change") == ()


def test_a_box_is_scaled_by_height_and_width_separately():
    (region,) = find_regions(heat_map(spotted(7, 3, value=0.8)), 1400, 2800, "change")
    left, top, right, bottom = box(region)
    assert left < 700 < right and top < 750 < bottom
    assert region.w == pytest.approx(2 * region.h, rel=0.1) and 100 <= region.h <= 250


def test_places_apart_have_a_box_each_and_the_best_is_first():
    grid = np.maximum(spotted(2, 2, value=0.7), spotted(10, 10, value=0.9))
    first, second = find_regions(heat_map(grid), 256, 256, "change")
    assert first.score > second.score and first.x > 128 > second.x


def test_at_most_three_boxes_and_no_specks():
    grid = sum(spotted(row, column, value=0.9) for row in (1, 6, 11) for column in (1, 6, 11))
    assert len(find_regions(heat_map(grid), 256, 256, "change")) == MOST_BOXES
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[5:9, 5:9] = 1
    assert find_regions(heat, 256, 256, "change") == ()


def test_places_that_touch_at_a_corner_alone_are_two():
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[10:30, 10:30], heat[30:50, 30:50] = 0.9, 0.8
    assert [box(region) for region in find_regions(heat, 256, 256, "change")] == [(10, 10, 30, 30), (30, 30, 50, 50)]


# -- a whole draft ----------------------------------------------------------------------------------------------------


def maps_with(kind, **grids):
    stack = np.zeros((len(FINDINGS), 14, 14), np.float32)
    for finding, grid in grids.items():
        stack[FINDINGS.index(finding)] = grid
    return Maps(**{kind: stack})


@pytest.mark.parametrize("change", [Change.NEW, Change.WORSENED, Change.IMPROVED, Change.RESOLVED])
def test_what_changed_is_boxed_from_the_map_of_its_finding(change):
    rows = [changed("edema", change), changed("fracture", Change.NEW)]
    (region,) = mark_regions(rows, maps_with("change", edema=spotted(3, 10)), 1000, 2000)
    assert (region.kind, region.finding) == ("change", "edema")
    assert region.x <= 10.5 / 14 * 2000 <= region.x + region.w and region.y <= 250 <= region.y + region.h


@pytest.mark.parametrize(
    "row",
    [
        changed("edema", Change.UNCHANGED),
        Finding("edema", State.POSITIVE, 0.9),
        Finding("edema", State.POSITIVE, 0.9, State.UNCERTAIN, 0.5),
    ],
)
def test_what_is_there_and_has_not_changed_is_evidence(row):
    grids = maps_with("evidence", edema=spotted(3, 10))
    assert [region.kind for region in mark_regions([row], grids, 1000, 2000)] == ["evidence"]
    assert mark_regions([row], maps_with("change", edema=spotted(3, 10)), 1000, 2000) == ()


@pytest.mark.parametrize(
    "row",
    [
        changed("edema", Change.ABSENT, State.NEGATIVE),
        Finding("edema", State.UNCERTAIN, 0.5),
        Finding("no finding", State.POSITIVE, 0.9),
    ],
)
def test_what_is_not_there_has_no_place(row):
    full = np.ones((len(FINDINGS), 14, 14), np.float32)
    assert mark_regions([row], Maps(change=full, evidence=full), 1000, 2000) == ()


@pytest.mark.parametrize("change", [Change.NEW, Change.WORSENED, Change.IMPROVED])
def test_what_changed_at_no_place_that_can_be_told_is_shown_where_it_is(change):
    evidence = maps_with("evidence", edema=spotted(3, 10)).evidence
    for maps in (Maps(None, evidence), Maps(np.zeros_like(evidence), evidence)):
        assert [region.kind for region in mark_regions([changed("edema", change)], maps, 700, 700)] == ["evidence"]
    gone = changed("edema", Change.RESOLVED, State.NEGATIVE)
    assert mark_regions([gone], Maps(None, evidence), 700, 700) == ()


def test_a_finding_without_a_map_and_weights_without_maps_give_no_region():
    rows = [changed("edema", Change.NEW)]
    assert mark_regions(rows, Maps(), 700, 700) == ()
    assert mark_regions(rows, Maps(np.ones((1, 7, 7)), findings=("fracture",)), 700, 700) == ()


# -- images that are stored turned --------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", range(4))
def test_boxes_go_with_the_image_as_it_is_turned(turns):
    upright = np.zeros((60, 100), bool)
    upright[10:25, 70:90] = True
    (box,) = as_stored([Region("evidence", 70, 10, 20, 15, 0.5, "edema")], turns, 60, 100)
    stored = np.zeros_like(np.rot90(upright, turns))
    stored[box.y : box.y + box.h, box.x : box.x + box.w] = True
    assert np.array_equal(stored, np.rot90(upright, turns)) and (box.score, box.finding) == (0.5, "edema")
