"""The papers' own size on a CPU: it learns in every stage and drafts. And the table of what that costs, on a tiny network."""

import json
from types import SimpleNamespace

import pytest
import torch

from benchmarks import base_size
from cxrreport.datasets.phantoms import draw_phantoms

TOKENS = 4


@pytest.fixture(scope="module")
def samples():
    return draw_phantoms(2, 0)


@pytest.fixture(scope="module")
def weights(samples):
    return base_size.make_weights("base", samples, "cpu")


def _learn(network, run):
    """Losses of a step, and which parts of the network it has moved."""
    parts = {
        "encoder": network.encoder,
        "text": network.retrieval.text,
        "decoder": network.decoder,
        "fam": network.similar,
    }
    first = {name: next(p for p in part.parameters() if p.ndim > 1) for name, part in parts.items()}
    before = {name: parameter.detach().clone() for name, parameter in first.items()}
    losses = run()
    return losses, {name for name, parameter in first.items() if not torch.equal(before[name], parameter)}


def test_it_is_the_size_of_the_papers(weights):
    network = weights.network
    assert network.config.encoder["depths"] == [3, 4, 23, 3] and network.config.decoder["num_hidden_layers"] == 12
    millions = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in network.named_children()}
    assert millions["encoder"] == pytest.approx(42.5, abs=0.1)  # ResNet-101 without its last layer
    assert 240 < sum(millions.values()) < 300


@pytest.mark.parametrize(
    ("part", "moved"),
    [
        (base_size.encoder_step, {"encoder"}), (base_size.towers_step, {"text"}),
        (base_size.network_step, {"decoder", "fam"}),
    ],
)  # fmt: skip
def test_it_learns_in_every_stage(weights, samples, part, moved):
    losses, found = _learn(weights.network, part(weights, samples, TOKENS))
    assert found == moved and all(0 <= loss < 1000 for loss in losses.values())


def test_it_drafts(weights, samples):
    (draft,) = base_size.draft(weights, samples[:1], TOKENS)()
    assert draft.states.valid and len(draft.states.probabilities) == 14
    assert all(0 <= p <= 1 for p in draft.states.probabilities)


def test_each_part_has_a_line(capsys, monkeypatch):
    def here(command, **_):
        options = base_size.parse(command[3:])
        return SimpleNamespace(stdout=json.dumps(base_size.measure(options.part, options)))

    monkeypatch.setattr(base_size.subprocess, "run", here)  # a process of its own takes long to start
    base_size.main(["--size", "tiny", "--studies", "2", "--tokens", "4"])
    facts, heading, *lines, size = capsys.readouterr().out.splitlines()
    assert facts.startswith("tiny, 2 studies at once, 4 tokens, CPU") and heading.split()[0] == "GFLOP/study"
    found = {line[:13].strip(): [float(cell) for cell in line[13:].split()] for line in lines}
    assert list(found) == list(base_size.PARTS) and size.endswith("million weights")
    assert all(seconds < 10 and peak > 100 for _, seconds, peak in found.values())


def test_a_step_costs_more_than_its_features(samples):
    def count(part):
        return base_size.measure(part, base_size.parse(["--size", "tiny", "--studies", "2"]))["gflop"]

    assert count("encoder step") > count("features") > 0
