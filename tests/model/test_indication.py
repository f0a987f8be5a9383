"""The decoder reads why a film was made, where its weights have learnt to, and is as before where nothing is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from builders.network import random_features, random_reports, target_ids, tiny_weights

from cxrreport.model.ablations import ABLATIONS, ablate
from cxrreport.model.config import INDICATION_TOKENS, PATCHES, VIEWS, DiffRGenNetConfig, tiny
from cxrreport.model.drafter import Drafter
from cxrreport.model.indication import indication_ids
from cxrreport.model.variants import build_network
from cxrreport.model.weights import load_weights, save_weights

SAID = ["enlarged heart", None, "small left pleural effusion", ""]


@pytest.fixture
def own():
    made = tiny_weights(indications=True)
    with torch.no_grad():
        made.network.indication.kind.normal_(std=3, generator=torch.Generator().manual_seed(1))
    return made


def batch(weights, count=4):
    network = weights.network
    return random_features(network, count), random_reports(network, count), torch.ones(count, 5, dtype=torch.bool)


def test_ids_are_of_one_length_and_0_where_nothing_is_said(own):
    ids = indication_ids(own.tokenizer, [*SAID, "heart " * 99])
    assert ids.shape == (5, INDICATION_TOKENS)
    assert (ids != 0).sum(1).tolist() == [2, 0, 4, 0, INDICATION_TOKENS]


def test_weights_that_read_none_are_bit_for_bit_as_before(own):
    without = tiny_weights()
    assert without.network.state_dict().keys() == own.network.state_dict().keys() - {"indication.kind"}
    features, reports, mask = batch(without)
    told = indication_ids(own.tokenizer, SAID)
    with torch.no_grad():
        relations = without.network.relate(features, reports, mask)
        plain, given = (
            without.network.remember(features, relations),
            without.network.remember(features, relations, told),
        )
        assert all(map(torch.equal, plain, given))
        memory, there = own.network.remember(features, relations, told)
    assert Drafter(without).indications(SAID) is None
    assert torch.equal(memory[:, :-INDICATION_TOKENS], plain[0])
    assert there[:, -INDICATION_TOKENS:].sum(1).tolist() == [2, 0, 4, 0]


def test_a_study_without_one_is_drafted_as_without_the_part(own):
    drafters = Drafter(own), Drafter(tiny_weights())
    features, reports, mask = batch(own)
    told = drafters[0].indications(SAID)
    with_some = drafters[0].draft(features, reports.numpy(), mask.numpy(), indication=told)
    with_none = drafters[0].draft(features, reports.numpy(), mask.numpy())
    before = drafters[1].draft(features, reports.numpy(), mask.numpy())
    assert with_none == before
    assert [a == b for a, b in zip(with_some, with_none, strict=True)] == [False, True, False, True]
    assert [draft.states for draft in with_some] == [draft.states for draft in before]


def test_gradients_reach_the_part_only_where_something_is_said(own):
    features, reports, mask = batch(own, 2)
    states, target = torch.ones(2, 14, dtype=torch.long), torch.nn.functional.normalize(torch.randn(2, 16), dim=1)
    ids = target_ids(own.tokenizer, states, ["heart is enlarged", "no effusion"])
    for said, reached in ((["effusion", "edema"], True), ([None, ""], False)):
        own.network.zero_grad()
        told = indication_ids(own.tokenizer, said)
        own.network(features, reports, mask, states, ids, target, told).total.backward()
        assert bool(own.network.indication.kind.grad.abs().sum() > 0) == reached


@pytest.mark.parametrize("row", [None, "promptmrg", "mpsa-fcc"])
def test_every_network_can_read_them(row):
    assert row is None or row in ABLATIONS
    config = tiny(200)
    config.reads_indication = True
    network = build_network(ablate(config, row) if row else config).eval()
    features, reports = random_features(network, 1), random_reports(network, 1)
    relations = network.relate(features, reports, torch.ones(1, 5, dtype=torch.bool))
    told = torch.tensor([[7] * INDICATION_TOKENS])
    longer, shorter = (network.remember(features, relations, one)[1] for one in (told, None))
    assert longer.shape == shorter.shape and longer.sum() - shorter.sum() == INDICATION_TOKENS
    assert longer.shape[1] >= VIEWS * PATCHES + INDICATION_TOKENS


def test_the_part_is_saved_and_loaded_with_the_network(own, tmp_path: Path):
    with torch.no_grad():
        own.network.indication.kind.fill_(0.5)
    save_weights(tmp_path / "w", own.network, own.views, own.tokenizer, {})
    loaded = load_weights(tmp_path / "w")
    assert loaded.network.config.reads_indication and bool((loaded.network.indication.kind == 0.5).all())
    older = json.loads((tmp_path / "w" / "config.json").read_text())
    del older["reads_indication"]  # as in the files of weights that were made before
    assert not DiffRGenNetConfig(**older).reads_indication
