import pytest
import torch
from builders.network import random_features, random_reports, target_ids, tiny_weights
from torch import nn

from cxrreport.model.ablations import ABLATIONS, ablate
from cxrreport.model.config import tiny
from cxrreport.model.difference import distances
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.variants import build_network

FROZEN = ("encoder.", "retrieval.")


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_weights().tokenizer


def _network(config):
    torch.manual_seed(0)
    return build_network(config)


def _batch(network, tokenizer):
    features = random_features(network.eval(), 3)
    states = torch.randint(4, (3, 14), generator=torch.Generator().manual_seed(1))
    reports, ids = random_reports(network, 3), target_ids(tokenizer, states, ["the heart is enlarged ."] * 3)
    return features, reports, torch.ones(reports.shape[:2], dtype=torch.bool), states, ids, reports[:, 0]


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_row_trains_and_has_no_idle_parameter(name, tokenizer):
    network = _network(ablate(tiny(len(tokenizer)), name))
    network.prepare_training(tokenizer)
    batch = _batch(network, tokenizer)
    network.train()
    with torch.autocast("cpu", torch.bfloat16):  # as training runs
        losses = network(*batch)
    losses.total.backward()
    assert losses.total.isfinite()
    trained = {n: p for n, p in network.named_parameters() if not n.startswith(FROZEN)}
    assert [n for n, p in trained.items() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in trained.values())


def test_every_row_is_another_network():
    config = tiny(60)
    written = [ablate(config, name).to_json_string() for name in ABLATIONS]
    assert len({*written, config.to_json_string()}) == len(ABLATIONS) + 1


@pytest.mark.parametrize("name", ABLATIONS)
def test_a_row_survives_saving(name, tokenizer, tmp_path):
    network = _network(ablate(tiny(len(tokenizer)), name)).eval()
    network.save_pretrained(tmp_path)
    back = type(network).from_pretrained(tmp_path).eval()
    ours, theirs = network.state_dict(), back.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    features, reports, mask, *_ = _batch(network, tokenizer)
    with torch.no_grad():
        found = [n.remember(features, n.relate(features, reports, mask))[0] for n in (network, back)]
    lm = back.decoder.lm
    assert torch.equal(*found) and lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight


@torch.no_grad()
def test_hard_routing_takes_one_window_a_layer_in_evaluation(tokenizer):
    network = _network(ablate(tiny(len(tokenizer)), "hard-routing")).eval()
    features, reports, mask, *_ = _batch(network, tokenizer)
    relations = network.relate(features, reports, mask)
    alphas = [*relations.similar.alphas, *relations.different.alphas]
    assert len(alphas) == 4 and all(set(alpha.flatten().tolist()) == {0, 1} for alpha in alphas)


# places (along f, across it) of two reports that are alike in one metric and in no other; f is at (1, 0)
ALIKE = {
    "only-l2": [(1.0, 1.0), (2.0, 0.0)],
    "only-cosine": [(1.0, 1.0), (2.0, 2.0)],
    "only-dot": [(1.0, 1.0), (1.0, 2.0)],
}


@torch.no_grad()
@pytest.mark.parametrize("name", ALIKE)
def test_a_single_metric_is_all_that_the_difference_branch_knows_of_a_report(name):
    """Reports that are alike in it get the same token, however unlike they are; with all three metrics they do not."""
    f, e = torch.zeros(1, 32), torch.zeros(1, 2, 32)
    f[0, 0], e[0, :, :2] = 1.0, torch.tensor(ALIKE[name])
    assert (distances(e, f)[0, 0] == distances(e, f)[0, 1]).tolist() == [name == n for n in ALIKE]
    alike = []
    for row in (name, "literal-difference"):
        difference = _network(ablate(tiny(60), row)).difference.eval()
        for parameter in difference.parameters():  # as trained, where nothing is 0 any more
            nn.init.normal_(parameter)
        tokens = difference(e, f, torch.ones(1, 2, dtype=torch.bool))[0]
        assert tokens.any()
        alike.append(torch.equal(tokens[0], tokens[1]))
    assert alike == [True, False]


@torch.no_grad()
def test_promptmrg_does_not_see_the_retrieved_reports(tokenizer):
    network = _network(ablate(tiny(len(tokenizer)), "promptmrg")).eval()
    features, _, mask, *_ = _batch(network, tokenizer)
    found = []
    for seed in (1, 2):
        relations = network.relate(features, random_reports(network, 3, seed), mask)
        found.append((*network.remember(features, relations), network.classify(features, relations)))
        assert not relations.weights.any()  # no report is said to have been used
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert found[0][0].shape[1] == 98


def test_promptmrg_holds_no_part_of_what_is_new():
    names = {name.partition(".")[0] for name, _ in _network(ablate(tiny(60), "promptmrg")).named_parameters()}
    expected = {"encoder", "retrieval", "classifier", "memory_patches", "memory_types", "memory_norms", "decoder"}
    assert names == expected


@torch.no_grad()
def test_enhanced_promptmrg_reads_reports_for_its_states_alone(tokenizer):
    network = _network(ablate(tiny(len(tokenizer)), "promptmrg-enhanced")).eval()
    features, _, mask, *_ = _batch(network, tokenizer)
    states, memories = [], []
    for seed in (1, 2):
        relations = network.relate(features, random_reports(network, 3, seed), mask)
        states.append(network.classify(features, relations))
        memories.append(network.remember(features, relations)[0])
    assert not torch.equal(*states) and torch.equal(*memories)


@torch.no_grad()
def test_without_feature_difference_the_branch_gets_the_reports_themselves(tokenizer):
    network = _network(ablate(tiny(len(tokenizer)), "without-difference")).eval()
    features, reports, mask, *_ = _batch(network, tokenizer)
    mask[0, 2:] = False
    found = network.relate(features, reports, mask).different.tokens
    patches = network.patch_projection(features.patches)
    e = network.report_projection(reports) * mask.unsqueeze(-1)
    assert torch.equal(found, network.different(e, mask, patches, features.patch_mask).tokens)


def test_the_papers_network_is_built_plainly_whatever_its_size():
    assert type(_network(tiny(60))) is DiffRGenNet
    assert type(_network(ablate(tiny(60), "three-layers"))) is DiffRGenNet


def test_the_difference_branch_keeps_dra_beside_mpsa():
    network = _network(ablate(tiny(60), "mpsa"))
    kinds = [type(fam.layers[0].routed).__name__ for fam in (network.similar, network.different)]
    assert kinds == ["SinkhornAttention", "RoutedAttention"]


def test_without_scl_the_loss_is_the_two_others(tokenizer):
    network = _network(ablate(tiny(len(tokenizer)), "without-scl"))
    losses = network(*_batch(network, tokenizer))
    assert losses.contrast == 0 and not list(network.contrastive.parameters())
    assert losses.total.item() == pytest.approx((losses.language + 4 * losses.states).item(), rel=1e-6)
