import pytest
import torch
from builders.network import random_reports, tiny_weights

from cxrreport.model.config import PREFIX_LENGTH
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.losses import language_loss

PATCHES = 2 * 49


@pytest.fixture()
def own():
    """A network that the test may change."""
    return tiny_weights(1)


@torch.no_grad()
def _logits(network, features, reports, mask, ids):
    memory, memory_mask = network.remember(features, network.relate(features, reports, mask))
    return network.decoder(ids, ids != 0, memory, memory_mask)


def test_memory_mask_tells_patches_and_reports_that_exist(network, features, reports, mask):
    _, memory_mask = network.remember(features, network.relate(features, reports, mask))
    assert torch.equal(memory_mask[:, :PATCHES], features.patch_mask)
    assert torch.equal(memory_mask[:, PATCHES:], torch.cat([mask, mask], dim=1))


def test_open_gates_let_the_reports_speak(own, features, mask, ids):
    one, other = (_logits(own.network, features, random_reports(own.network, 4, s), mask, ids) for s in (1, 2))
    assert (one - other).abs().max() > 1e-4


def test_one_closed_gate_closes_one_branch_only(own, features, reports, mask):
    with torch.no_grad():
        opened, _ = own.network.remember(features, own.network.relate(features, reports, mask))
        own.network.gates[1] = 0
        memory, memory_mask = own.network.remember(features, own.network.relate(features, reports, mask))
        assert torch.equal(memory[:, PATCHES:], opened[:, PATCHES : PATCHES + 5])
    assert torch.equal(memory_mask, torch.cat([features.patch_mask, mask], dim=1))


def test_a_missing_lateral_has_no_influence_whatever_its_bytes(network, reports, mask, ids):
    films = torch.randint(0, 256, (4, 2, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    frontal_only = torch.tensor([[True, False]] * 4)
    found = []
    with torch.no_grad():
        for byte in (None, 0, 255):
            if byte is not None:
                films[:, 1] = byte
            features = network.encoder(films, frontal_only)
            relations = network.relate(features, reports, mask)
            logits = _logits(network, features, reports, mask, ids)
            found.append((network.classify(features, relations), relations.weights, logits))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_padding_reports_have_no_influence(network, features, reports, mask, ids):
    changed = torch.where(mask.unsqueeze(-1), reports, torch.full_like(reports, 7.0))
    assert torch.allclose(
        _logits(network, features, reports, mask, ids), _logits(network, features, changed, mask, ids), atol=1e-5
    )


def test_a_study_without_any_report_is_finite(network, features, reports, ids):
    none = torch.zeros(4, network.config.retrieved, dtype=torch.bool)
    relations = network.relate(features, reports, none)
    assert relations.weights.abs().sum() == 0
    assert network.classify(features, relations).isfinite().all()
    assert _logits(network, features, reports, none, ids).isfinite().all()


def test_total_is_the_weighted_sum_and_gradients_reach_every_part(own, features, reports, mask, states, ids):
    network = own.network.train()
    network.heat(1.0)
    losses = network(features, reports, mask, states, ids, reports[:, 0])
    expected = losses.language + 4 * losses.states + 0.1 * losses.contrast
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5)
    losses.total.backward()
    frozen = ("encoder.", "retrieval.")
    quiet = [n for n, p in network.named_parameters() if p.grad is None and not n.startswith(frozen)]
    assert quiet == []
    assert network.difference.content.weight.grad.abs().max() > 0  # starts at 0 and yet learns
    assert network.gates.grad.abs().min() > 0


def test_prefix_and_padding_are_not_learnt(own, features, reports, mask, states, ids):
    network = own.network
    with torch.no_grad():
        losses = network(features, reports, mask, states, ids, reports[:, 0])
        logits = _logits(network, features, reports, mask, ids)
        labels = torch.full_like(ids, -100)
        for row, end in enumerate((ids != 0).sum(1).tolist()):
            labels[row, PREFIX_LENGTH:end] = ids[row, PREFIX_LENGTH:end]
        assert losses.language.item() == pytest.approx(language_loss(logits, labels).item(), rel=1e-5)


def test_the_queue_is_not_saved(own, features, reports, mask, states, ids, tmp_path):
    network = own.network.train()
    network(features, reports, mask, states, ids, reports[:, 0])
    assert len(network.contrastive.queue.anchors) == 4 and not any("queue" in key for key in network.state_dict())
    network.save_pretrained(tmp_path)
    back = DiffRGenNet.from_pretrained(tmp_path).train()
    assert [len(part) for part in back.contrastive.queue.contents()] == [0, 0, 0]
    assert back(features, reports, mask, states, ids, reports[:, 0]).total.isfinite()
