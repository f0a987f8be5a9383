import numpy as np
import pytest
import torch
from network_builders import random_samples, tiny_weights

from cxrreport.training.encoder_stage import EncoderStage, make_batch, shuffled


def test_batches_hold_every_sample_once():
    rows = [list(chunk) for chunk in shuffled(10, 4, torch.Generator().manual_seed(0))]
    assert [len(r) for r in rows] == [4, 4, 2]
    assert sorted(index for chunk in rows for index in chunk) == list(range(10))


def test_a_last_batch_of_one_is_dropped():
    assert [len(r) for r in shuffled(9, 4, torch.Generator().manual_seed(0))] == [4, 4]


def test_batch_marks_equal_summaries():
    samples = random_samples(3)
    batch = make_batch([samples[0], samples[1], samples[0]], tiny_weights().tokenizer)
    assert batch.same.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert batch.films.shape == (3, 2, 256, 256) and batch.positive.shape == (3, 14)
    assert torch.equal(batch.positive[0], torch.from_numpy(samples[0].states == 1).float())


@pytest.fixture()
def stage():
    weights = tiny_weights()
    return EncoderStage(weights.network, weights.tokenizer, 3e-3, 24, torch.Generator().manual_seed(0))


def test_an_epoch_learns_and_touches_encoder_and_towers_only(stage):
    before = {k: v.clone() for k, v in stage.network.state_dict().items()}
    samples = random_samples(8)
    losses = [stage.epoch(samples, 4) for _ in range(8)]
    assert losses[-1]["findings_loss"] < losses[0]["findings_loss"]
    changed = {k.split(".")[0] for k, v in stage.network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"encoder", "retrieval"}


def test_validation_is_the_mean_area_of_findings_that_vary(stage, monkeypatch):
    samples = random_samples(12, seed=3)
    truth = np.stack([s.states == 1 for s in samples]).astype(np.float32)
    assert 0 <= stage.validate(samples, 5)["mean_auc"] <= 1
    batches = iter(torch.from_numpy(truth).split(5))
    monkeypatch.setattr(stage.head, "forward", lambda pooled: next(batches))
    assert stage.validate(samples, 5) == {"mean_auc": 1.0}


def test_validation_without_anything_to_tell_apart(stage):
    assert stage.validate(random_samples(1) * 3, 2) == {}


def test_vectors_and_the_contrastive_scale_do_not_decay(stage):
    decay = {id(p): group["weight_decay"] for group in stage.optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(stage.modules.parameters()))
    assert decay[id(stage.network.retrieval.log_scale)] == 0
    assert all((decay[id(p)] > 0) == (p.ndim > 1) for p in stage.modules.parameters())


def test_the_text_tower_learns_more_slowly(stage):
    rates = {id(p): group["max_lr"] for group in stage.optimizer.param_groups for p in group["params"]}
    text = {id(p) for p in stage.network.retrieval.text.parameters()}
    assert [rates[i] for i in text] == pytest.approx([6e-4] * len(text))
    assert {rate for i, rate in rates.items() if i not in text} == {3e-3}
