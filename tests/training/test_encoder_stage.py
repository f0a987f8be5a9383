import numpy as np
import pytest
import torch
from builders.network import random_films, random_samples, tiny_weights

from cxrreport.training.encoder_stage import EncoderStage, frontals, list_films, shuffled
from cxrreport.training.labelled import KindHeads


def test_batches_hold_every_sample_once_but_for_a_last_batch_of_one():
    ten, nine = (list(shuffled(count, 4, torch.Generator().manual_seed(0))) for count in (10, 9))
    assert [len(rows) for rows in ten] == [4, 4, 2] and [len(rows) for rows in nine] == [4, 4]
    assert sorted(index for rows in ten for index in rows) == list(range(10))


def test_a_study_counts_like_two_labelled_images():
    whole, alone, film = random_samples(4)[0], random_samples(4)[3], random_films(1)[0]  # the second has no lateral
    assert list_films([whole, alone, film], laterals=False) == [(whole, 0)] * 2 + [(alone, 0)] * 2 + [(film, 0)]
    assert list_films([whole, alone, film], laterals=True) == [(whole, 0), (whole, 1), (alone, 0), (film, 0)]
    assert frontals([whole, alone, film]) == [(whole, 0), (alone, 0), (film, 0)]


def _stage(network, size=0, lr=3e-3, steps=24):
    heads = KindHeads(network.encoder.width)
    return EncoderStage(network.encoder, heads, lr, steps, torch.Generator().manual_seed(0), size)


@pytest.fixture()
def network():
    return tiny_weights().network


@pytest.fixture()
def stage(network):
    return _stage(network)


def test_an_epoch_learns_and_touches_the_encoder_only(network, stage):
    before = {k: v.clone() for k, v in network.state_dict().items()}
    films = list_films([*random_samples(4), *random_films(4)], laterals=True)
    losses = [stage.epoch(films, 4)["findings_loss"] for _ in range(8)]
    assert losses[-1] < losses[0]
    assert {k.split(".")[0] for k, v in network.state_dict().items() if not torch.equal(v, before[k])} == {"encoder"}


def test_the_generator_decides_what_is_learnt():
    films, found = list_films(random_samples(4), laterals=False), []
    for _ in range(2):
        network = tiny_weights().network
        stage = _stage(network)
        torch.manual_seed(1)  # dropout
        stage.epoch(films, 4)
        found.append(network.encoder.state_dict())
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_batch_norms_remember_more_than_the_last_batch(network, stage):
    """What they keep is what the encoder is used with."""
    norms = [module for module in network.encoder.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.running_mean.fill_(1000)
    stage.epoch(frontals(random_samples(4)), 4)
    assert norms and all((norm.running_mean > 800).all() for norm in norms)


def test_films_of_another_size_leave_the_encoder_as_large_as_it_was(network, monkeypatch):
    seen = []
    forward = network.encoder.forward
    monkeypatch.setattr(network.encoder, "forward", lambda *a: seen.append(a) or forward(*a))
    _stage(network, size=32).epoch(frontals(random_samples(4)), 4)
    assert seen[0][0].shape == (4, 1, 32, 32) and seen[0][2] == 32
    _stage(network).epoch(frontals(random_samples(4)), 4)
    assert seen[1][0].shape[-1] == network.config.image_size


def test_a_film_is_read_alone(stage):
    """A frontal film has the same logits whatever else its study has, and whatever is read beside it."""
    samples = random_samples(4)
    whole, alone = (stage._score(frontals(some), 4)[1] for some in (samples, samples[:1]))
    assert torch.allclose(whole[:1], alone, atol=1e-5)
    lateral = stage._score([(samples[0], 1)], 4)[1]
    assert not torch.allclose(lateral, alone, atol=1e-5)


def _right(films):
    samples = [sample for sample, _ in films]
    return samples, torch.from_numpy(np.stack([s.positive for s in samples])).float()


def test_validation_is_of_frontal_films_of_both_kinds(stage, monkeypatch):
    studies, films = random_samples(12, seed=3), random_films(30, None, None, 1)
    asked = []
    monkeypatch.setattr(stage, "_score", lambda shown, _: asked.append(shown) or _right(shown))
    assert stage.validate(studies, 5, films) == {"mean_auc": 1.0, "mean_auc_films": 1.0}
    assert stage.validate(studies, 5) == {"mean_auc": 1.0}
    assert asked == [frontals(studies), frontals(films), frontals(studies)]


def test_validation_reads_every_film_and_learns_nothing(network, stage):
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = stage.validate(random_samples(12, seed=3), 5, random_films(30, None, None, 1))
    assert set(found) == {"mean_auc", "mean_auc_films"} and all(0 <= value <= 1 for value in found.values())
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items()) and not network.encoder.training


def test_vectors_do_not_decay(network, stage):
    decay = {id(p): group["weight_decay"] for group in stage.descent.optimizer.param_groups for p in group["params"]}
    learnt = [*network.encoder.parameters(), *stage.heads.parameters()]
    assert len(decay) == len(learnt) and all((decay[id(p)] > 0) == (p.ndim > 1) for p in learnt)
    assert np.isclose(stage.descent.optimizer.param_groups[0]["max_lr"], 3e-3)
