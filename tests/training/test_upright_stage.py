"""The stage of how images lie: what it learns from, and the file that it adds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders.network import random_films
from builders.training import start_weights, train_options

from cxrreport.datasets.directory import READERS
from cxrreport.datasets.nih import IMAGE_READERS
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.imaging.preprocess import preprocess
from cxrreport.imaging.upright import Upright, _laid, put_upright
from cxrreport.model.manifest import read_manifest
from cxrreport.model.weights import load_weights
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.training import upright_stage
from cxrreport.training.pair_training import Sources
from cxrreport.training.trainer import train
from cxrreport.training.upright_images import both_ways, draw, other_images, turn, vary

ALONE = {
    "encoder_rounds": [],
    "towers_epochs": 0,
    "network_epochs": 0,
    "view_epochs": 0,
    "upright_epochs": 1,
    "batch": 8,
}


@pytest.fixture(scope="module")
def drawn():
    return [replace(s, key=f"study-{s.key}", patient=f"study-{s.key}") for s in draw_phantoms(12, 5)]


@pytest.fixture(scope="module")
def finished(drawn, tmp_path_factory):
    """Weights to start from, a run and its lines of metrics."""
    folder, lines = tmp_path_factory.mktemp("lies"), []
    init = start_weights(folder / "init")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(READERS, "drawn", lambda directory, split: drawn[:8] if split == "train" else drawn[8:])
        patch.setattr(upright_stage, "_LEGS", 24)
        options = train_options(folder / "run", dataset="drawn", init=init, command="cxrreport train", **ALONE)
        best = train(options, lines.append)
        again = train(options, lambda facts: pytest.fail("a finished run does nothing"))
    assert best == again
    return init, best, lines


def test_it_adds_a_file_and_leaves_the_other_weights_as_they_are(finished):
    init, best, lines = finished
    before, manifest = read_manifest(init)["files"], read_manifest(best)
    assert set(manifest["files"]) - set(before) == {"upright.safetensors"}
    assert before.items() <= manifest["files"].items()
    card = manifest["upright"]
    assert card["command"] == "cxrreport train" and card["data"].startswith("8 frontal and 8 lateral films")
    assert set(card["metrics"]) > {"inverted", "upside_down", "touched", "laterals_touched"}
    assert [line["stage"] for line in lines if "epoch" in line] == ["upright"]
    _, lie = put_upright(
        draw_frontal(1, (), exposure_seed=1, side=256).pixels, Upright(load_weights(best).upright.arrays())
    )
    assert lie is not None


@pytest.mark.parametrize(("limit", "count"), [(None, 9), (5, 5)])
def test_a_limit_is_of_labelled_films_too(tmp_path, monkeypatch, limit, count):
    made = random_films(9)
    monkeypatch.setitem(IMAGE_READERS, "noise", lambda directory, split: iter(made))
    monkeypatch.setattr(upright_stage, "_LEGS", 2)
    options = train_options(tmp_path, init=tmp_path, films="noise", films_directory=tmp_path, limit=limit, **ALONE)
    assert sum(len(part.frontal) for part in upright_stage.read_films(options, Sources([], []))) == count


def test_an_image_is_kept_as_it_is_and_as_a_negative(drawn):
    pixels = drawn[0].pixels[0]
    kept = both_ways([pixels]).float()[0]
    assert kept.shape == (2, 96, 96)
    for held, whole in zip(kept, (pixels, preprocess(-pixels.astype(np.float32))), strict=True):
        small = torch.nn.functional.interpolate(torch.from_numpy(whole)[None, None].float(), size=(96, 96), mode="area")
        assert (held - small[0, 0]).abs().max() <= 1


def test_images_are_turned_as_they_are_read():
    images = torch.arange(16, dtype=torch.uint8).reshape(1, 4, 4)
    for lie in range(8):
        assert np.array_equal(turn(images.clone(), torch.tensor([lie]))[0].numpy(), _laid(images[0].numpy(), lie))


def test_drawing_hangs_on_the_generator_alone_and_names_what_was_done(drawn):
    films = both_ways([sample.pixels[0] for sample in drawn]).repeat(20, 1, 1, 1)
    images, lies, cropped = draw(films, torch.Generator().manual_seed(3))
    again, _, _ = draw(films, torch.Generator().manual_seed(3))
    assert images.shape == (240, 64, 64) and torch.equal(images, again)
    assert 0.3 < float((lies == 0).float().mean()) < 0.55 and set(lies.tolist()) == set(range(16))
    assert 0.1 < float(cropped.float().mean()) < 0.4


def test_a_cropped_image_shows_a_part(drawn):
    ramp = torch.arange(96, dtype=torch.uint8).mul(2).expand(1, 96, 96)
    many = ramp.repeat(50, 1, 1)
    whole, part = (
        vary(many, torch.full((50,), cut), torch.Generator().manual_seed(0)).float() for cut in (False, True)
    )
    spread = [(images[:, :, -3:].mean((1, 2)) - images[:, :, :3].mean((1, 2))).mean() for images in (whole, part)]
    assert spread[1] < spread[0]


def test_other_images_differ():
    images = other_images(12, np.random.default_rng(0))
    assert len({image.tobytes() for image in images}) == 12 and all(image.shape == (256, 256) for image in images)
