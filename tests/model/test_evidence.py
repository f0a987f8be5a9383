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
