"""Cached pairs of noise, for tests of what learns from them."""

import numpy as np
import torch

from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.model.config import GRID, PATCHES, REPORT_TOKENS, tiny
from cxrreport.training.pair_cache import PLACES, EncodedPairs

CONFIG = tiny(100)


def random_ids(count, g, words=20):
    """Reports of some word pieces, the last of them empty; 0-padded."""
    ids = torch.randint(10, 100, (count, REPORT_TOKENS), generator=g).to(torch.int16)
    length = torch.randint(1, words, (count, 1), generator=g)
    length[-1] = 0
    return ids * (torch.arange(REPORT_TOKENS) < length)


def random_pairs(count, place="phantom", seed=0):
    """Truth and images at random; consistent: a direction is known only where a finding is in both images."""
    g = torch.Generator().manual_seed(seed)
    cells, side = PATCHES, 2 * GRID
    joint = torch.randint(-1, 4, (count, 13), generator=g)
    direction = torch.randint(-1, 3, (count, 13), generator=g).where(joint == 3, torch.tensor(-1))
    patches = torch.randn(2, count, cells, CONFIG.encoder_width, generator=g).half()
    judged = torch.randn(2, count, 13, generator=g)
    return EncodedPairs(
        patches[0], patches[1], torch.randint(0, 256, (count, 2, 256, 256), generator=g, dtype=torch.uint8),
        torch.rand(count, generator=g) < 0.8, judged[0], judged[1], joint, direction,
        torch.randint(-1, 2, (count, 13, side, side), generator=g).to(torch.int8),
        torch.full((count,), PLACES.index(place)), random_ids(count, g), random_ids(count, g),
        torch.randint(-1, 400, (count,), generator=g), torch.randint(0, 5, (count, CONFIG.retrieved), generator=g),
    )  # fmt: skip


def drawn_pairs(count, seed, place, **fields):
    """Films of noise with findings, directions and a box at random; fields: other fields of the pairs."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        now, before = rng.random((2, 14)) < 0.3
        direction = np.where(now & before, rng.integers(0, 3, 14), -1)
        yield PairSample(
            f"{place}-{number}", f"{place}-{number}", *rng.integers(0, 256, (2, 256, 256), dtype=np.uint8), now, before,
            np.ones(14, bool), direction, ((3, 0.2, 0.2, 0.3, 0.3),), 5, place=place, **fields,
        )  # fmt: skip


def kill_at(stage):
    """What to tell a training that is to be killed after the first epoch of a stage."""

    def tell(facts):
        if facts["stage"] == stage:
            raise KeyboardInterrupt

    return tell
