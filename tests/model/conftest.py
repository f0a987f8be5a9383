import pytest
import torch
from network_builders import random_features, random_reports, tiny_weights


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
