import numpy as np

from cxrreport.phantoms.samples import random_lesions


def test_lesions_are_of_different_findings_and_all_come_up():
    draws = [random_lesions(np.random.default_rng(seed)) for seed in range(400)]
    assert all(len({lesion.finding for lesion in lesions}) == len(lesions) <= 3 for lesions in draws)
    assert {len(lesions) for lesions in draws} == {0, 1, 2, 3}
    assert len({lesion.finding for lesions in draws for lesion in lesions}) == 13
