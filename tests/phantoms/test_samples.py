import numpy as np

from cxrreport.phantoms.samples import random_lesions, sample_studies


def test_samples_repeat_and_carry_their_report():
    first, again = (list(sample_studies(3, 5, side=64)) for _ in range(2))
    for one, two in zip(first, again):
        assert np.array_equal(one.frontal.pixels, two.frontal.pixels)
        assert (one.lesions, one.findings, one.impression) == (two.lesions, two.findings, two.impression)
    assert len({study.frontal.pixels.tobytes() for study in first}) == 3
    assert all(study.findings and study.impression and study.lateral.pixels.shape == (64, 64) for study in first)


def test_lesions_are_of_different_findings_and_all_come_up():
    draws = [random_lesions(np.random.default_rng(seed)) for seed in range(400)]
    assert all(len({lesion.finding for lesion in lesions}) == len(lesions) <= 3 for lesions in draws)
    assert {len(lesions) for lesions in draws} == {0, 1, 2, 3}
    assert len({lesion.finding for lesions in draws for lesion in lesions}) == 13
