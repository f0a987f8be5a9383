from dataclasses import replace

import numpy as np
import pytest
import torch
from builders.network import tiny_weights
from builders.pairs import random_pairs

from cxrreport.datasets.pairs.alignment import leave_apart
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS
from cxrreport.model.drafter import Drafter
from cxrreport.training.pair_cache import (
    PLACES,
    Bank,
    encode_pairs,
    join_pairs,
    kept_pairs,
)


def pair(number=0, **changes):
    rng = np.random.default_rng(number)
    flags = np.zeros(14, bool)
    made = PairSample(
        f"pair-{number}", f"patient-{number}", *rng.integers(0, 256, (2, 256, 256), dtype=np.uint8), flags, flags,
        np.ones(14, bool), np.full(14, -1), (), None, place="phantom",
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture(scope="module")
def drafter():
    return Drafter(tiny_weights())


@pytest.fixture(scope="module")
def bank(drafter):
    return Bank(drafter.embed_texts([f"the heart is normal {i}" for i in range(9)]), [f"patient-{i}" for i in range(9)])


def flags(*findings):
    return np.array([finding in findings for finding in FINDINGS])


def test_the_truth_of_a_pair_becomes_joint_states_courses_and_maps(drafter, bank):
    direction = np.full(14, -1)
    direction[FINDINGS.index("edema")] = 2
    truth = pair(
        1, now=flags("edema", "pneumothorax"), before=flags("edema", "pleural effusion"), known=~flags("fracture"),
        progression=direction, boxes=((FINDINGS.index("pneumothorax"), 0.5, 0.0, 0.25, 0.5),),
    )  # fmt: skip
    found = encode_pairs(drafter, [truth], bank, aligned=leave_apart)
    joint = dict(zip(FINDINGS, found.joint[0].tolist(), strict=False))
    assert (joint["edema"], joint["pneumothorax"], joint["pleural effusion"]) == (3, 1, 2)
    assert joint["fracture"] == -1 and joint["pneumonia"] == 0
    assert found.direction[0].tolist().count(2) == 1 and found.direction[0].tolist().count(-1) == 12
    marked = found.maps[0, FINDINGS.index("pneumothorax")].float()
    side = marked.shape[-1]
    whole = torch.zeros(side, side)
    whole[: side // 2, side // 2 : side // 2 + side // 4] = 1  # the box; half a cell more or less at its end
    assert (marked == 1)[whole == 1].all() and (marked == 1).sum() <= whole.sum() + side // 2
    assert (found.maps[0, FINDINGS.index("fracture")] == -1).all()


def test_where_nobody_knows_what_changed_no_map_is_known(drafter, bank):
    found = encode_pairs(drafter, [pair(2, place="nih")], bank, aligned=leave_apart)
    assert (found.maps == -1).all() and found.place.tolist() == [PLACES.index("nih")]


def test_a_registration_that_crashes_leaves_the_pair_unregistered(drafter, bank):
    def crash(one):
        if one.key == "pair-4":
            raise RuntimeError("no")
        return one.prior, True

    found = encode_pairs(drafter, [pair(n) for n in (3, 4, 5)], bank, aligned=crash)
    assert found.registered.tolist() == [True, False, True]
    assert torch.equal(found.films[1, 1], torch.from_numpy(pair(4).prior))


def test_pairs_are_cached_once_and_a_damaged_cache_is_refused(tmp_path):
    path, made = tmp_path / "pairs.safetensors", []

    def make():
        made.append(1)
        return join_pairs([random_pairs(3), random_pairs(2, "nih")])

    first, second = kept_pairs(path, make, {"network": "a"}), kept_pairs(path, make, {"network": "a"})
    assert made == [1] and len(first) == 5 and torch.equal(first.maps, second.maps)
    assert torch.equal(first.take([1]).joint, first.joint[1:2])
    kept_pairs(path, make, {"network": "b"})
    assert made == [1, 1]  # other weights judge the films otherwise
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UsageError, match="damaged"):
        kept_pairs(path, make, {"network": "b"})


def test_pairs_that_are_none_are_refused(drafter, bank):
    with pytest.raises(UsageError, match="no pairs"):
        encode_pairs(drafter, [], bank)
