"""Drawn studies as samples."""

from __future__ import annotations

import numpy as np

from cxrreport.datasets.sample import Sample, make_sample
from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.phantom import draw_frontal, draw_lateral
from cxrreport.phantoms.phrases import INDICATIONS
from cxrreport.phantoms.report_text import pick, write_report_text
from cxrreport.phantoms.samples import random_lesions
from cxrreport.records import SIDE


def draw_phantoms(count: int, seed: int) -> list[Sample]:
    """Procedural studies with 0-3 known findings; each is its own patient, and the same seed gives the same studies."""
    samples = []
    for number in range(count):
        rng = np.random.default_rng([seed, number, 51])
        patient, exposure = int(rng.integers(2**31)), int(rng.integers(2**31))
        lesions = random_lesions(rng)
        findings, impression, _ = write_report_text(lesions, None, rng)
        both = [draw(patient, lesions, exposure_seed=exposure, side=SIDE) for draw in (draw_frontal, draw_lateral)]
        key = f"phantom-{seed}-{number}"
        films = [preprocess(one.pixels) for one in both]
        samples.append(make_sample(key, key, films, findings, impression, indication=pick(rng, INDICATIONS)))
    return samples
