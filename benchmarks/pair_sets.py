"""Held-out pairs of images for `benchmarks.temporal`: procedural ones, real images with inserted lesions, real follow-ups."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from cxrreport.datasets.directory import DirectoryReader
from cxrreport.datasets.pairs.followups import covid_pairs
from cxrreport.datasets.pairs.inserted import identical_pairs, inserted_pairs
from cxrreport.datasets.pairs.nih import nih_pairs
from cxrreport.datasets.pairs.phantom import phantom_pairs
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.datasets.sample import Sample
from cxrreport.imaging.preprocess import preprocess
from cxrreport.model.drafter import Drafter
from cxrreport.training.pair_cache import Bank, EncodedPairs, encode_pairs, leave_apart

SEED = 77_000_003  # no training run comes near it
_QUALITY = 40  # of a lossy JPEG that a radiologist would still read


@dataclass(frozen=True)
class PairSet:
    """Pairs with their truth, and as the network reads them, registered and not."""

    name: str
    pairs: list[PairSample]
    registered: EncodedPairs
    apart: EncodedPairs


def make_set(name: str, pairs: Sequence[PairSample], drafter: Drafter, bank: Bank, workers: int) -> PairSet:
    """Register and encode; memory holds the images and two caches."""
    held = list(pairs)
    registered = encode_pairs(drafter, held, bank, workers)
    return PairSet(name, held, registered, encode_pairs(drafter, held, bank, 0, leave_apart))


def read_frontals(directory: Path, split: str, limit: int | None) -> list[Sample]:
    """Studies of IU X-Ray with a frontal image."""
    return list(islice((s for s in DirectoryReader("iu-xray", directory)(split) if s.present[0]), limit))


def changed_sets(
    phantoms: int, samples: Sequence[Sample], nih: Path | None, covid: Path | None
) -> dict[str, Iterator[PairSample]]:
    """The kinds of pairs of the tables; without directories the procedural ones alone."""
    found: dict[str, Iterator[PairSample]] = {"phantom": phantom_pairs(phantoms, SEED)}
    if samples:
        found["inserted"] = inserted_pairs(samples, 1, SEED)
    if nih is not None:
        found["nih"] = nih_pairs(nih, "held out")
    if covid is not None:
        found["covid"] = covid_pairs(covid, permitted_only=False)
    return found


def still_sets(samples: Sequence[Sample]) -> dict[str, Iterator[PairSample]]:
    """Pairs of which nothing has changed: an image with itself, as it is and as another machine would give it."""
    return {
        "the same file": (_again(s, s.pixels[0]) for s in samples),
        "another window": (_again(s, _windowed(s.pixels[0])) for s in samples),
        "turned by 3 degrees": (_again(s, _turned(s.pixels[0])) for s in samples),
        "lossy JPEG": (_again(s, _compressed(s.pixels[0])) for s in samples),
        "another machine (all at once)": identical_pairs(samples, SEED),
    }


def wrong_patient(pairs: Sequence[PairSample]) -> list[PairSample]:
    """Every current image with the prior of the next pair, which is another patient's; nothing is known of a change."""
    others = [*pairs[1:], pairs[0]]
    return [
        replace(p, key=f"{p.key}-wrong", prior=o.prior, known=np.zeros_like(p.known), boxes=())
        for p, o in zip(pairs, others, strict=True)
    ]


def _again(sample: Sample, prior: np.ndarray) -> PairSample:
    positive = sample.positive
    unknown = np.full(len(positive), -1)
    return PairSample(
        f"{sample.key}-again", sample.patient, sample.pixels[0], prior, positive, positive, np.ones_like(positive),
        np.where(positive, 1, unknown), (), 0, place="identical",
    )  # fmt: skip


def _windowed(pixels: np.ndarray) -> np.ndarray:
    """A narrower window and another gamma, on the way from the archive to the preprocessed image."""
    grey = np.clip((pixels / 255 - 0.08) / 0.8, 0, 1) ** 1.4
    return preprocess(grey.astype(np.float32))


def _turned(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).rotate(3, Image.Resampling.BILINEAR))


def _compressed(pixels: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return np.asarray(Image.open(file))
