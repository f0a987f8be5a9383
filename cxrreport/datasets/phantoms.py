"""Drawn studies as samples."""

from __future__ import annotations

from cxrreport.datasets.sample import Sample, make_sample
from cxrreport.imaging.preprocess import preprocess
from cxrreport.phantoms.samples import sample_studies


def draw_phantoms(count: int, seed: int) -> list[Sample]:
    """Procedural studies with known findings; every one is its own patient."""
    samples = []
    for index, study in enumerate(sample_studies(count, seed)):
        views = [preprocess(study.frontal.pixels), preprocess(study.lateral.pixels)]
        key = f"phantom-{seed}-{index}"
        samples.append(make_sample(key, key, views, study.findings, study.impression))
    return samples
