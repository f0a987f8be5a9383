"""The findings of a film are those of the whole one where JPEG 2000 was decoded at a fraction of its size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from builders.dicom import JPEG_2000, write_dicom
from PIL import Image

from cxrreport.drafting.drafter import load_drafter
from cxrreport.imaging.load import load_image
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.preprocess import ENOUGH, preprocess
from cxrreport.phantoms.phantom import Lesion, draw_frontal
from cxrreport.records import PreparedStudy
from cxrreport.settings import Settings

LESIONS = ((), (Lesion("pleural effusion", "left", 0.8),), (Lesion("consolidation", "right", 0.7, "lower"),))


def write_film(path: Path, seed: int) -> str:
    """Write a drawn film of 1,100 x 1,030 pixels."""
    drawn = draw_frontal(seed, LESIONS[seed], exposure_seed=seed, side=512).pixels.astype(np.float32)
    large = np.asarray(Image.fromarray(drawn / drawn.max()).resize((1030, 1100), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(seed).normal(0, 0.004, large.shape)
    pixels = np.round(4095 * np.clip(0.05 + 0.9 * large + noise, 0, 1)).astype(np.uint16)
    return str(write_dicom(path, pixels, JPEG_2000))


def test_the_shipped_network_says_the_same_of_both(tmp_path: Path) -> None:
    drafter = load_drafter(Settings(home=tmp_path, device="cpu"))
    paths = [write_film(tmp_path / str(seed), seed) for seed in range(len(LESIONS))]
    assert all(read_frame(path, least=ENOUGH).factor == 2 for path in paths)
    films = [load_image(path, 10**7).pixels for path in paths] + [preprocess(read_frame(path).values) for path in paths]
    nothing = np.zeros((len(films), drafter.retrieved, drafter.dimension), np.float32)
    features = drafter.encode([PreparedStudy(film) for film in films])
    states = drafter.read_states(features, nothing, np.zeros(nothing.shape[:2], bool))
    pairs = list(zip(states[: len(paths)], states[len(paths) :], strict=True))
    assert (
        np.mean([np.equal(reduced.states, whole.states) for reduced, whole in pairs]) > 0.97
    )  # of 42, one at a threshold
    assert np.mean([np.abs(np.subtract(reduced.scores, whole.scores)) for reduced, whole in pairs]) < 0.01
