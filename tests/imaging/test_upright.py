"""How images lie, told from pixels: the shipped part on drawn and real images, and what is made of its word."""

import csv

import numpy as np
import pytest
import torch
from builders.data import data

from cxrreport.datasets.disk import read_pixels
from cxrreport.imaging.preprocess import preprocess
from cxrreport.imaging.upright import SIDE, Upright, _composed, _laid, put_upright
from cxrreport.model import upright as trained
from cxrreport.model.upright import UprightNetwork
from cxrreport.model.weights import load_weights
from cxrreport.phantoms.phantom import draw_frontal, draw_lateral
from cxrreport.records import UPRIGHT, Lie


@pytest.fixture(scope="module")
def shipped():
    return Upright(load_weights().upright.arrays())


@pytest.fixture(scope="module")
def drawn():
    """Display values of drawn images of ten patients."""
    return [draw_frontal(patient, (), exposure_seed=patient, side=256).pixels for patient in range(10)]


def test_numpy_reads_what_torch_has_trained():
    torch.manual_seed(0)
    network = UprightNetwork()
    network.train()(torch.randint(0, 256, (8, 256, 256), dtype=torch.uint8))  # moves the statistics of the batch norms
    pixels = np.random.default_rng(0).integers(0, 256, (5, 256, 256), dtype=np.uint8)
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(pixels)).numpy()
    grey = pixels.reshape(5, SIDE, 4, SIDE, 4).mean(axis=(2, 4), dtype=np.float32) / 255 - 0.5
    assert trained.SIDE == SIDE and np.allclose(Upright(network.arrays())._logits(grey), expected, atol=1e-4)


@pytest.mark.parametrize("way", range(8))
@pytest.mark.parametrize("first", range(8))
def test_two_ways_to_lie_make_a_third(way, first):
    grey = np.arange(9.0, dtype=np.float32).reshape(3, 3)
    assert np.array_equal(_laid(_laid(grey, first), way), _laid(grey, _composed(way, first)))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("inverted", [False, True])
def test_drawn_images_are_put_upright(shipped, drawn, turns, inverted):
    for values in drawn:
        stored = np.ascontiguousarray(np.rot90(-values if inverted else values, turns))
        pixels, lie = put_upright(stored, shipped)
        assert (lie.turns, lie.inverted) == (turns, inverted)
        assert np.abs(pixels.astype(int) - preprocess(values)).mean() < 1  # a negative is prepared from its own values


def test_laterals_stay_as_they_are(shipped):
    for patient in range(5):
        _, lie = put_upright(draw_lateral(patient, (), exposure_seed=patient, side=256).pixels, shipped)
        assert not lie.mended


def test_real_images_are_put_upright_and_good_ones_left_alone(shipped):
    with data("iu-xray", "studies.csv").open(newline="", encoding="utf-8") as table:
        rows = [row["images"].split(";") for row in csv.DictReader(table) if row["split"] == "val"][:40]
    names = [item.partition(":") for row in rows for item in row]
    films = {
        view: [data("iu-xray", "images", f"{n}.jpg") for n, _, v in names if v == view]
        for view in ("Frontal", "Lateral")
    }
    right = 0
    for place in films["Frontal"]:
        values = read_pixels(place)
        assert put_upright(values, shipped)[1].mended is False
        ways = {
            (0, True): -values,
            (2, False): np.rot90(values, 2),
            (1, False): np.rot90(values),
            (3, True): np.rot90(-values, 3),
        }
        found = [put_upright(np.ascontiguousarray(stored), shipped)[1] for stored in ways.values()]
        right += sum((lie.turns, lie.inverted) == way for lie, way in zip(found, ways, strict=True))
    assert right >= 0.98 * 4 * len(films["Frontal"])
    assert not any(put_upright(read_pixels(place), shipped)[1].mended for place in films["Lateral"])


class Scripted(Upright):
    """Says what the test wants, look by look."""

    def __init__(self, *lies):
        self._lies = iter(lies)

    def look(self, pixels):
        return next(self._lies)


def test_a_mirrored_image_is_told_and_left_as_it_is(drawn):
    pixels, lie = put_upright(drawn[0], Scripted(Lie(mirrored=True)))
    assert lie == Lie(mirrored=True) and np.array_equal(pixels, preprocess(drawn[0]))


def test_what_is_mended_is_looked_at_again(drawn):
    pixels, lie = put_upright(drawn[0], Scripted(Lie(turns=1), Lie(cropped=True)))
    assert lie == Lie(turns=1, cropped=True) and np.array_equal(pixels, np.rot90(preprocess(drawn[0]), -1))


@pytest.mark.parametrize("again", [Lie(turns=2), Lie(inverted=True), Lie(unusual=True)])
def test_what_does_not_look_upright_once_mended_stays_as_it_came(drawn, again):
    pixels, lie = put_upright(drawn[0], Scripted(Lie(turns=1), again))
    assert lie == Lie(unusual=True) and np.array_equal(pixels, preprocess(drawn[0]))


def test_without_that_part_nothing_is_told(drawn):
    pixels, lie = put_upright(drawn[0], None)
    assert lie == UPRIGHT and np.array_equal(pixels, preprocess(drawn[0]))
