import numpy as np
import pytest
import torch
from builders.network import tiny_weights
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndNoAttention as Output

from cxrreport.model.config import GRID, PATCHES, POSITIVE, mini
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import ImageFeatures, normalise
from cxrreport.model.evidence import EVIDENCE_GRID, _for_positive, _look, _read, _speaking, evidence_maps

FINDING, CELL = 3, 256 // EVIDENCE_GRID  # and pixels a side of a cell of the maps


class Bright(nn.Module):
    """A backbone whose maps hold how bright each place of the film is, and which knows no place in its last one."""

    def __init__(self):
        super().__init__()
        self.device_of = nn.Parameter(torch.zeros(()))

    def forward(self, pixels, output_hidden_states):
        fine = (nn.functional.adaptive_avg_pool2d(pixels, EVIDENCE_GRID) + 3).relu().repeat(1, 6, 1, 1)[:, :16]
        coarse = nn.functional.avg_pool2d(fine, 2)
        last = coarse.mean((2, 3), keepdim=True).expand_as(coarse).clone()
        return Output(last_hidden_state=last, hidden_states=(pixels, fine, coarse, last))


def reading(sign=1.0, head=False):
    """A network that calls finding 3 (with a head: by that alone) by how bright a film is, or how dark."""
    network = tiny_weights().network
    network.encoder.backbone = Bright()
    weight = network.classifier.linear.weight
    nn.init.zeros_(weight)
    with torch.no_grad():
        weight.view(4, 14, -1)[POSITIVE, FINDING, :16] = sign
        if head:
            nn.init.zeros_(weight)
            nn.init.zeros_(network.localise().linear.weight)
            network.evidence.linear.weight[FINDING] = sign
    return network


def film(row, column):
    """A black film with one bright cell."""
    pixels = np.zeros((256, 256), np.uint8)
    top, left = round(row * 256 / EVIDENCE_GRID), round(column * 256 / EVIDENCE_GRID)
    pixels[top : top + CELL, left : left + CELL] = 255
    return pixels


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("place", [(4, 9), (0, 0), (13, 6), (0, 13)])  # the border too
def test_the_place_that_a_finding_is_read_from_is_where_its_map_is_highest(place, head):
    maps = evidence_maps(reading(head=head), film(*place), [FINDING])
    assert maps.shape == (14, EVIDENCE_GRID, EVIDENCE_GRID) and maps.dtype == np.float32
    assert np.unravel_index(maps[FINDING].argmax(), maps[FINDING].shape) == place
    assert maps.max() == 1 and maps.min() >= 0


def test_what_speaks_against_a_finding_is_no_evidence():
    assert not evidence_maps(reading(sign=-1.0), film(4, 9), [FINDING]).any()


def test_only_what_is_asked_for_is_computed(monkeypatch):
    network = tiny_weights().network
    nn.init.normal_(network.classifier.linear.weight)
    maps = evidence_maps(network, film(4, 9), [2, 5])
    assert set(np.flatnonzero(maps.any((1, 2)))) <= {2, 5} and maps.any()
    monkeypatch.setattr(network.encoder.backbone, "forward", None)  # calling it would raise
    assert not evidence_maps(network, film(4, 9), []).any()


@pytest.mark.parametrize("config", [None, mini])
def test_weights_get_no_gradient_and_maps_are_the_same_again(config):
    """Of the backbones that there are: the tiny ResNet and MobileNetV2."""
    network = tiny_weights().network if config is None else DiffRGenNet(config(100)).eval()
    nn.init.normal_(network.classifier.linear.weight)
    network.localise()
    maps, again = (evidence_maps(network, film(4, 9), [FINDING]) for _ in range(2))
    assert maps[FINDING].max() == 1 and np.array_equal(maps, again)
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.inference_mode():  # whoever asks need not know of gradients
        assert np.array_equal(evidence_maps(network, film(4, 9), [FINDING]), maps)


def test_of_one_film_the_gradients_are_those_of_two():
    """torch 2.13 takes strided gradients of one film through a batch norm wrongly."""
    network = DiffRGenNet(mini(100)).eval()
    nn.init.normal_(network.classifier.linear.weight)
    earlier, last = _look(network.encoder, film(4, 9))
    ours = _speaking(earlier, last, _read(network, last)[0][FINDING])
    pixels = normalise(torch.from_numpy(np.stack([film(4, 9)] * 2)), 224).requires_grad_()
    two = network.encoder.backbone(pixels, output_hidden_states=True)
    maps = [states for states in two.hidden_states[:-1] if states.shape[-1] in (EVIDENCE_GRID, GRID)]
    assert len(maps) == len(earlier) == 10
    logits = two.last_hidden_state.mean((2, 3)) @ _for_positive(network)[FINDING]
    shares = 0
    for states, gradient in zip(maps, torch.autograd.grad(logits.sum(), maps), strict=True):
        added = (states * gradient).detach().sum(1, keepdim=True).relu()
        added = nn.functional.interpolate(added, size=EVIDENCE_GRID, mode="bilinear")[0, 0]
        shares = shares + added / added.sum()
    assert torch.allclose(ours, shares, rtol=1e-2, atol=1e-4)


def _evidence(bias):
    """A network whose head looks at one channel for finding 3, and features whose patch 17 shows it."""
    network = tiny_weights().network
    head = network.localise()
    nn.init.zeros_(head.linear.weight)
    with torch.no_grad():
        head.linear.weight[3, 5] = 1
        head.linear.bias.fill_(bias)
    patches = torch.zeros(1, 2 * PATCHES, network.config.encoder_width)
    patches[0, 17, 5] = 3
    patches[0, PATCHES + 2, 5] = 9
    mask = torch.ones(1, 2 * PATCHES, dtype=torch.bool)
    return network, ImageFeatures(patches, mask, patches.mean(1))


def test_pooling_lies_between_the_mean_and_the_greatest_of_the_patches_that_are_there():
    network, features = _evidence(-1.0)
    assert -1 + 12 / 98 < network.evidence(features)[0, 3].item() < 8
    frontal = features._replace(patch_mask=torch.arange(2 * PATCHES)[None] < PATCHES)
    assert -1 + 3 / 49 < network.evidence(frontal)[0, 3].item() < 2
    assert network.evidence(frontal)[0, 4].item() == pytest.approx(-1, abs=1e-5)


def test_a_network_keeps_its_head(tmp_path):
    network, features = _evidence(0.5)
    network.save_pretrained(tmp_path)
    again = type(network).from_pretrained(tmp_path)
    assert again.config.localises and torch.equal(again.evidence(features), network.evidence(features))
    assert again.localise() is again.evidence
