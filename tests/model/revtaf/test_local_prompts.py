import pytest
import torch
from builders.network import random_features, random_reports, target_ids, tiny_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.findings import FINDINGS, State
from cxrreport.model.ablations import change
from cxrreport.model.config import STATES
from cxrreport.model.revtaf.local_prompts import LocalPrompts, consistency_loss, prompt_texts, soft_overlap
from cxrreport.model.variants import build_network


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_weights().tokenizer


def _network(tokenizer, **changes):
    torch.manual_seed(0)
    return build_network(change(tiny_weights().network.config, fcc_weight=0.5, **changes))


def _batch(network, tokenizer, states=None):
    features = random_features(network.eval(), 3)
    if states is None:
        states = torch.randint(4, (3, 14), generator=torch.Generator().manual_seed(1))
    reports, ids = random_reports(network, 3), target_ids(tokenizer, states, ["no pneumothorax ."] * 3)
    return features, reports, torch.ones(reports.shape[:2], dtype=torch.bool), states, ids, reports[:, 0]


def test_every_finding_has_a_text_of_its_own_in_every_state():
    texts = prompt_texts()
    assert len(texts) == len(FINDINGS) and all(len(row) == len(STATES) for row in texts)
    assert len({text for row in texts for text in row}) == len(FINDINGS) * len(STATES)
    effusion = texts[FINDINGS.index("pleural effusion")]
    assert effusion[STATES.index(State.NEGATIVE)] == "there is no pleural effusion"


def test_prompts_are_the_text_towers_embeddings(tokenizer):
    network = _network(tokenizer).train()
    network.local_prompts.embed(network.retrieval, tokenizer)
    assert network.retrieval.training  # as it was; dropout was off all the same:
    network.eval()
    ids = torch.tensor([tokenizer.encode("edema is present", 32)])
    expected = network.retrieval.embed_text(ids, torch.ones_like(ids, dtype=torch.bool))[0]
    found = network.local_prompts.vectors[FINDINGS.index("edema"), STATES.index(State.POSITIVE)]
    assert torch.allclose(found, expected, atol=1e-6)


def test_forgetting_to_embed_is_told(tokenizer):
    network = _network(tokenizer)
    with pytest.raises(RuntimeError, match="embed"):
        network(*_batch(network, tokenizer))


@pytest.mark.parametrize("attention", ["dra", "transformer", "trar", "mpsa"])
def test_loss_is_part_of_the_total_and_reaches_both_maps(tokenizer, attention):
    network = _network(tokenizer, fam_attention=attention)
    network.local_prompts.embed(network.retrieval, tokenizer)
    losses = network(*_batch(network, tokenizer))
    expected = losses.language + 4 * losses.states + 0.1 * losses.contrast + 0.5 * losses.consistency
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5) and losses.consistency > 0
    losses.consistency.backward()
    last = network.similar.layers[-1].routed
    query = {"mpsa": "transport.q", "trar": "cross.q"}.get(attention, "q")
    for weight in (last.get_submodule(query).weight, network.local_prompts.transport.k.weight):
        assert weight.grad.isfinite().all() and weight.grad.any()
    assert all(p.grad is None for p in network.retrieval.parameters())  # the texts are given


def test_studies_that_state_nothing_are_finite(tokenizer):
    network = _network(tokenizer)
    network.local_prompts.embed(network.retrieval, tokenizer)
    losses = network(*_batch(network, tokenizer, torch.zeros(3, 14, dtype=torch.long)))
    losses.total.backward()
    assert losses.consistency == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_silent_findings_and_padding_have_no_influence(tokenizer):
    network = _network(tokenizer)
    prompts: LocalPrompts = network.local_prompts
    prompts.embed(network.retrieval, tokenizer)
    features, reports, mask, states, *_ = _batch(network, tokenizer)
    mask[:, 3:] = False
    patches, maps = network.patch_projection(features.patches), torch.rand(3, 5, 98)
    before = prompts(states, patches, features.patch_mask, reports, mask, maps)
    prompts.vectors[:, STATES.index(State.BLANK)] = 3.0
    reports[:, 3:], maps[:, 3:] = 1.0, torch.rand(3, 2, 98)
    after = prompts(states, patches, features.patch_mask, reports, mask, maps)
    assert after.item() == pytest.approx(before.item(), rel=1e-5)
    assert prompts(states.roll(1, 0), patches, features.patch_mask, reports, mask, maps) != after


def test_overlap_is_that_of_the_stretched_maps():
    mask = torch.tensor([[True, True, True, False]])
    one = torch.tensor([[[0.0, 1.0, 2.0, 9.0], [4.0, 4.0, 4.0, 0.0]]])  # 0, .5, 1; flat
    other = torch.tensor([[[5.0, 6.0, 7.0, -9.0], [2.0, 1.0, 0.0, 0.0]]])  # 0, .5, 1; 1, .5, 0
    found = soft_overlap(one, other, mask)
    assert found[0, 0].tolist() == pytest.approx([1.0, 0.5 / 2.5])
    assert found[0, 1].tolist() == [0, 0]  # a flat map shows nothing, so it overlaps with nothing


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_overlap_lies_between_nothing_and_everything(seed):
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.randn(2, 3, 10, generator=generator), torch.randn(2, 4, 10, generator=generator)
    mask = torch.rand(2, 10, generator=generator) < 0.7
    mask[:, 0] = True
    found = soft_overlap(one, other, mask)
    assert found.shape == (2, 3, 4) and found.min() >= 0 and found.max() <= 1
    assert torch.allclose(found, soft_overlap(other, one, mask).transpose(1, 2), atol=1e-6)


def test_consistency_wants_equal_texts_to_overlap_and_others_not():
    pairs = torch.ones(1, 1, 2, dtype=torch.bool)
    cosine = torch.tensor([[[1.0, -0.4]]])
    apart, together = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    assert consistency_loss(cosine, apart, pairs) == 0
    assert consistency_loss(cosine, together, pairs) == 1
    assert consistency_loss(cosine, together, torch.tensor([[[False, True]]])) == 1
    assert consistency_loss(cosine, together, torch.zeros_like(pairs)) == 0  # nothing to compare


def test_consistency_teaches_the_maps_and_never_the_texts():
    cosine, overlap = torch.tensor([[[0.8]]], requires_grad=True), torch.tensor([[[0.3]]], requires_grad=True)
    consistency_loss(cosine, overlap, torch.ones(1, 1, 1, dtype=torch.bool)).backward()
    assert cosine.grad is None and overlap.grad.item() == pytest.approx(-1.0)
