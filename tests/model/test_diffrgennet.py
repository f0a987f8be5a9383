import pytest
import torch
from network_builders import SENTENCES, random_features, random_reports, target_ids, tiny_weights

from cxrreport.model.config import PREFIX_LENGTH
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.losses import language_loss
from cxrreport.records import FINDINGS
from cxrreport.reports.sections import clean

PATCHES = 2 * 49


@pytest.fixture()
def own():
    """A network that the test may change."""
    return tiny_weights(1)


@pytest.fixture(scope="module")
def states():
    return torch.randint(4, (4, 14), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def ids(weights, states):
    return target_ids(weights.tokenizer, states, [clean(s) for s in SENTENCES[:4]])


@torch.no_grad()
def _logits(network, features, reports, mask, ids):
    memory, memory_mask = network.remember(features, network.relate(features, reports, mask))
    return network.decoder(ids, ids != 0, memory, memory_mask)


def test_shapes(network, features, reports, mask, ids):
    c = network.config
    with torch.no_grad():
        relations = network.relate(features, reports, mask)
        memory, memory_mask = network.remember(features, relations)
        logits = network.decoder(ids, ids != 0, memory, memory_mask)
    assert features.patches.shape == (4, PATCHES, c.encoder_width) and features.pooled.shape == (4, c.encoder_width)
    for branch in (relations.similar, relations.different):
        assert branch.tokens.shape == (4, c.retrieved, c.d_model)
        assert [a.shape for a in branch.alphas] == [(4, 2), (4, 4)]
        assert branch.attention_map.shape == (4, c.retrieved, PATCHES)
    assert relations.weights.shape == mask.shape
    assert relations.selected.shape == relations.contrast.shape == (4, c.d_model)
    assert network.classify(features, relations).shape == (4, 4, len(FINDINGS))
    assert memory.shape == (4, PATCHES + 2 * c.retrieved, c.decoder_width)
    assert memory_mask.shape == memory.shape[:2]
    assert logits.shape == (*ids.shape, c.decoder["vocab_size"])


def test_memory_mask_tells_patches_and_reports_that_exist(network, features, reports, mask):
    _, memory_mask = network.remember(features, network.relate(features, reports, mask))
    assert torch.equal(memory_mask[:, :PATCHES], features.patch_mask)
    assert torch.equal(memory_mask[:, PATCHES:], torch.cat([mask, mask], dim=1))


def test_closed_gates_are_the_network_without_fam_bit_for_bit(own, features, mask, ids):
    network = own.network
    with torch.no_grad():
        network.gates.zero_()
        relations = network.relate(features, random_reports(network, 4, 1), mask)
        memory, _ = network.remember(features, relations)
        patches_only = torch.cat([features.patch_mask, torch.zeros(4, 10, dtype=torch.bool)], dim=1)
        without = network.decoder(ids, ids != 0, memory, patches_only)
    for seed in range(1, 4):
        assert torch.equal(_logits(network, features, random_reports(network, 4, seed), mask, ids), without)
    short = network.decoder(ids, ids != 0, memory[:, :PATCHES], features.patch_mask)
    assert torch.allclose(short, without, atol=1e-5)  # the tokens are not only constant, they are not there


def test_open_gates_let_the_reports_speak(own, features, mask, ids):
    one, other = (_logits(own.network, features, random_reports(own.network, 4, s), mask, ids) for s in (1, 2))
    assert (one - other).abs().max() > 1e-4


def test_one_closed_gate_closes_one_branch_only(own, features, reports, mask):
    with torch.no_grad():
        own.network.gates[1] = 0
        _, memory_mask = own.network.remember(features, own.network.relate(features, reports, mask))
    assert torch.equal(memory_mask[:, PATCHES : PATCHES + 5], mask)
    assert not memory_mask[:, PATCHES + 5 :].any()


def test_evaluation_is_deterministic(network, features, reports, mask, ids):
    first = _logits(network, features, reports, mask, ids)
    for _ in range(2):
        assert torch.equal(_logits(network, features, reports, mask, ids), first)


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


def test_a_lateral_that_is_there_has_influence(network):
    one, two = random_features(network, 2, seed=0), random_features(network, 2, seed=1)
    assert not torch.allclose(one.pooled, two.pooled)


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
    network.similar.temperature.fill_(1.0)
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


def test_decoder_shares_embeddings_with_its_output(network):
    lm = network.decoder.lm
    assert lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight


def test_save_pretrained_round_trip(network, features, reports, mask, ids, tmp_path):
    network.save_pretrained(tmp_path)
    back = DiffRGenNet.from_pretrained(tmp_path).eval()
    ours, theirs = network.state_dict(), back.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert torch.equal(_logits(back, features, reports, mask, ids), _logits(network, features, reports, mask, ids))
    lm = back.decoder.lm
    assert lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight


def test_overfits_sixteen_studies(weights):
    torch.manual_seed(0)
    network = DiffRGenNet(weights.network.config)  # as training starts it: the decoder not drawn wide
    features, reports = random_features(network.eval(), 16, 5), random_reports(network, 16, 5)
    mask = torch.ones(reports.shape[:2], dtype=torch.bool)
    states = torch.randint(4, (16, 14))
    texts = [clean(f"{a} {b}") for a, b in zip(SENTENCES * 2, [*SENTENCES[1:], *SENTENCES, SENTENCES[0]], strict=True)]
    ids = target_ids(weights.tokenizer, states, texts)
    trained = [p for name, p in network.named_parameters() if not name.startswith(("encoder.", "retrieval."))]
    optimizer = torch.optim.AdamW(trained, lr=5e-3)
    network.train()
    for _ in range(80):
        losses = network(features, reports, mask, states, ids, reports[:, 0])
        optimizer.zero_grad()
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
    network.eval()
    with torch.no_grad():
        final = network(features, reports, mask, states, ids, reports[:, 0])
    assert final.language < 0.1
    assert final.states < 0.1
