"""Too few studies or patients are told before anything is read a second time, trained or remembered."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from builders.network import random_samples

from cxrreport.datasets.splits import read_splits
from cxrreport.errors import UsageError


class _Reader:
    """Splits in memory."""

    name = "noise"

    def __init__(self, train, val, least=0):
        self.splits, self.least, self.skipped = {"train": train, "val": val}, least, Counter()

    def __call__(self, split, limit=None, only=None):
        return self.splits[split][:limit]


def _of_one(count):
    return [replace(s, patient="one") for s in random_samples(count, 1, "train")]


TRAIN, VAL = random_samples(40, 1, "train"), random_samples(5, 2, "val")


@pytest.mark.parametrize(
    ("train", "val", "least", "said"),
    [
        ([], VAL, 0, "needs 2 studies .* there are 0 \\(patients: 0\\) and 5"),
        (TRAIN[:1], VAL, 0, "there are 1 \\(patients: 1\\) and 5"),
        (_of_one(6), VAL, 0, "of 2 patients or more, .* there are 6 \\(patients: 1\\) and 5"),
        (_of_one(40), VAL, 32, "there are 40 \\(patients: 1\\) and 5"),
        (TRAIN, [], 0, "and 1 of other patients .* there are 40 \\(patients: 40\\) and 0"),
        (TRAIN[:31], VAL, 32, "needs 32 studies"),
        (TRAIN, VAL[:3], 32, "and 4 of other patients"),
    ],
)
def test_too_few_are_refused_with_their_numbers(tmp_path, train, val, least, said):
    with pytest.raises(UsageError, match=said) as caught:
        read_splits(_Reader(train, val, least), tmp_path, None)
    assert caught.value.code == "usage.few_studies" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("train", "val", "least"), [(TRAIN[:2], VAL[:1], 0), (TRAIN[:32], VAL[:4], 32)])
def test_just_enough_are_enough(tmp_path, train, val, least):
    assert read_splits(_Reader(train, val, least), tmp_path, None) == (train, val)


def test_a_limit_must_leave_two_patients(tmp_path):
    reader = _Reader([*_of_one(6), *TRAIN[10:]], VAL)
    with pytest.raises(UsageError, match="there are 6 \\(patients: 1\\) and 5"):
        read_splits(reader, tmp_path, 6)
    assert len(read_splits(reader, tmp_path, 7)[0]) == 7
