import pytest
import torch
from builders.network import SENTENCES, random_features, random_reports, target_ids, tiny_weights

from cxrreport.reports.sections import clean


@pytest.fixture(scope="session")
def weights():
    """Shared by all tests of the folder: read only. Tests that change the network build their own."""
    return tiny_weights()


@pytest.fixture(scope="session")
def network(weights):
    return weights.network


@pytest.fixture(scope="session")
def features(network):
    return random_features(network, 4)


@pytest.fixture(scope="session")
def reports(network):
    return random_reports(network, 4)


@pytest.fixture()
def mask(network):
    """(4, 5): one study found three reports only."""
    mask = torch.ones(4, network.config.retrieved, dtype=torch.bool)
    mask[2, 3:] = False
    return mask


@pytest.fixture(scope="session")
def states():
    """True states of four studies."""
    return torch.randint(4, (4, 14), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="session")
def ids(weights, states):
    """Prefix of those states and a sentence each."""
    return target_ids(weights.tokenizer, states, [clean(s) for s in SENTENCES[:4]])
