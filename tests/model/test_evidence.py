import numpy as np
import pytest
import torch
from builders.network import random_features, tiny_weights

from cxrreport.model.config import GRID, PATCHES, POSITIVE
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.evidence import evidence_maps


def test_the_maps_are_shares_of_the_patch_that_does_most():
    network = tiny_weights().network
    torch.nn.init.normal_(network.classifier.linear.weight)
    maps = evidence_maps(network, random_features(network, 3))
    assert maps.shape == (3, 14, GRID, GRID)
    assert maps.min() >= 0 and maps.max() == 1


def test_a_patch_that_speaks_for_a_finding_is_where_its_map_is_highest():
    network = tiny_weights().network
    config = network.config
    torch.nn.init.zeros_(network.classifier.linear.weight)
    finding, channel, cell = 3, 5, 17
    with torch.no_grad():
        network.classifier.linear.weight.view(4, 14, -1)[POSITIVE, finding, channel] = 1
    patches = torch.zeros(1, 2 * PATCHES, config.encoder_width)
    patches[0, cell, channel] = 1
    patches[0, PATCHES + 2, channel] = 9  # of the lateral film
    features = ImageFeatures(patches, torch.ones(1, patches.shape[1], dtype=torch.bool), patches.mean(1))
    maps = evidence_maps(network, features)
    assert maps[0, finding].argmax() == cell and maps[0, finding].sum() == 1 and maps.sum() == 1


def _evidence(bias):
    """A network whose head looks at one channel for finding 3, and features whose patch 17 shows it."""
    network = tiny_weights().network
    head = network.localise()
    torch.nn.init.zeros_(head.linear.weight)
    with torch.no_grad():
        head.linear.weight[3, 5] = 1
        head.linear.bias.fill_(bias)
    patches = torch.zeros(1, 2 * PATCHES, network.config.encoder_width)
    patches[0, 17, 5] = 3
    patches[0, PATCHES + 2, 5] = 9
    mask = torch.ones(1, 2 * PATCHES, dtype=torch.bool)
    return network, ImageFeatures(patches, mask, patches.mean(1))


def test_the_head_points_at_the_patch_that_it_pools_most_of():
    network, features = _evidence(-1.0)
    maps = evidence_maps(network, features)
    assert maps[0, 3].argmax() == 17 and maps[0, 3].max() == 1 and np.sort(maps[0, 3].ravel())[-2] < 0.01


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
