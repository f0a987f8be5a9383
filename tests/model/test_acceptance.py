"""The acceptance tests of the network, (1) to (11) as its design numbers them.

(3) is in test_routing.py, (4) in test_drafter.py, (6), (8) and (9) in test_losses.py and test_generation.py.
"""

import numpy as np
import pytest
import torch
from builders.network import SENTENCES, random_features, random_reports, random_samples, target_ids, tiny_weights
from builders.resnet import torchvision_state
from torch import nn

from cxrreport.datasets.encoded import encode_samples
from cxrreport.findings import FINDINGS
from cxrreport.model.ablations import ablate
from cxrreport.model.config import PREFIX_LENGTH, base
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import ImageEncoder
from cxrreport.model.generation import Decoding, generate
from cxrreport.model.resnet import load_torchvision_resnet
from cxrreport.model.variants import build_network
from cxrreport.reports.sections import clean

PATCHES = 2 * 49


@pytest.fixture()
def own():
    """A network that the test may change."""
    return tiny_weights(1).network


@torch.no_grad()
def _logits(network, features, reports, mask, ids):
    return network.decoder(ids, ids != 0, *network.remember(features, network.relate(features, reports, mask)))


def _train(network, batch, steps):
    trained = [p for name, p in network.named_parameters() if not name.startswith(("encoder.", "retrieval."))]
    optimizer = torch.optim.AdamW(trained, lr=5e-3)
    network.train()
    for _ in range(steps):
        losses = network(*batch)
        optimizer.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        yield losses
    network.eval()


def _without_fam(network):
    """PromptMRG's network with what it shares with this one."""
    plain = build_network(ablate(network.config, "promptmrg")).eval()
    state = network.state_dict()
    state["memory_types"] = state["memory_types"][:1]
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith("classifier.")}, strict=False)
    return plain


@torch.no_grad()
def test_01_shapes(network, features, reports, mask, ids):
    c = network.config
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


@torch.no_grad()
def test_02_closed_gates_are_the_network_without_fam_bit_for_bit(own, features, mask, ids):
    """The other one is built without: it has neither FAM, Feature Difference nor gates, and the same encoder and decoder."""
    own.gates.zero_()
    without = _without_fam(own)
    assert not any(hasattr(without, name) for name in ("gates", "similar", "different"))
    for seed in range(1, 4):
        batch = (features, random_reports(own, 4, seed), mask, ids)
        assert torch.equal(_logits(own, *batch), _logits(without, *batch))


def test_05_nothing_is_retrieved_of_the_samples_own_study_or_patient():
    """Even where it is the nearest of all: the bank holds the query itself, and a second report of the same patient."""
    drafter, samples = Drafter(tiny_weights()), random_samples(6)
    films = torch.from_numpy(np.stack([s.pixels for s in samples]))
    with torch.inference_mode():
        features = drafter.network.encoder(films, torch.from_numpy(np.stack([s.present for s in samples])))
    query = drafter.embed_images(features)
    bank, patients = np.concatenate([query, query]), [s.patient for s in samples] * 2
    encoded = encode_samples(drafter, samples, bank, patients, 1, torch.Generator().manual_seed(0))
    for sample, rows in zip(samples, encoded.retrieved.tolist(), strict=True):
        assert rows and sample.patient not in {patients[row] for row in rows}


@torch.no_grad()
def test_07_greedy_is_the_manual_loop(network, weights, features, reports, mask, ids):
    tokenizer, prefix = weights.tokenizer, ids[:, :PREFIX_LENGTH]
    memory, memory_mask = network.remember(features, network.relate(features, reports, mask))
    decoding = Decoding(beams=1, max_new_tokens=12, min_new_tokens=4)
    found = generate(network.decoder, memory, memory_mask, prefix, tokenizer.end, tokenizer.banned, decoding)
    for row in range(4):
        one = slice(row, row + 1)
        text: list[int] = []
        while len(text) < 12 and tokenizer.end not in text:
            whole = torch.cat([prefix[one], torch.tensor([text], dtype=torch.long)], dim=1)
            logits = network.decoder(whole, torch.ones_like(whole), memory[one], memory_mask[one])[0, -1]
            logits[tokenizer.banned] = -torch.inf
            if len(text) < 4:
                logits[tokenizer.end] = -torch.inf
            text.append(int(logits.argmax()))
        assert found[row][0].ids == [token for token in text if token != tokenizer.end]


def test_10_overfits_sixteen_studies(weights):
    torch.manual_seed(0)
    network = DiffRGenNet(weights.network.config)  # as training starts it: the decoder not drawn wide
    features, reports = random_features(network.eval(), 16, 5), random_reports(network, 16, 5)
    states = torch.randint(4, (16, 14))
    texts = [clean(f"{a} {b}") for a, b in zip(SENTENCES * 2, [*SENTENCES[1:], *SENTENCES, SENTENCES[0]], strict=True)]
    mask = torch.ones(reports.shape[:2], dtype=torch.bool)
    batch = (features, reports, mask, states, target_ids(weights.tokenizer, states, texts), reports[:, 0])
    for _ in _train(network, batch, 80):
        pass
    with torch.no_grad():
        final = network(*batch)
    assert final.language < 0.1 and final.states < 0.1


def test_11_torchvisions_resnet_101_loads_with_no_key_missing_but_fc():
    """That it then computes the same is in test_resnet.py, at smaller depths."""
    state = torchvision_state("bottleneck", (3, 4, 23, 3), values=False)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    assert len(state) == 626 and shapes["layer3.22.conv2.weight"] == (256, 256, 3, 3)
    assert sum(v.numel() for k, v in state.items() if "running" not in k and "num" not in k) == 44_549_160
    encoder = ImageEncoder(base(50))
    load_torchvision_resnet(encoder, state)  # raises when one is missing or left over
    assert all(not value.any() for name, value in encoder.named_parameters() if "convolution" in name)
    assert all((value == 7).all() for name, value in encoder.named_buffers() if "tracked" in name)
