import numpy as np
import pytest
import torch
from builders.network import random_films, random_samples, tiny_weights

from cxrreport.training.encoder_stage import EncoderStage, make_batch, shuffled


def test_batches_hold_every_sample_once_but_for_a_last_batch_of_one():
    ten, nine = (list(shuffled(count, 4, torch.Generator().manual_seed(0))) for count in (10, 9))
    assert [len(rows) for rows in ten] == [4, 4, 2] and [len(rows) for rows in nine] == [4, 4]
    assert sorted(index for rows in ten for index in rows) == list(range(10))


def test_batch_marks_equal_summaries():
    samples = random_samples(3)
    batch = make_batch([samples[0], samples[1], samples[0]], tiny_weights().tokenizer)
    assert batch.same.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert batch.pixels.shape == (3, 2, 256, 256) and batch.positive.shape == (3, 14)
    assert torch.equal(batch.positive[0], torch.from_numpy(samples[0].states == 1).float())


@pytest.fixture()
def stage():
    weights = tiny_weights()
    return EncoderStage(weights.network, weights.tokenizer, 3e-3, 24, torch.Generator().manual_seed(0))


def test_an_epoch_learns_and_touches_encoder_towers_and_evidence_only(stage):
    before = {k: v.clone() for k, v in stage.network.state_dict().items()}
    samples = random_samples(8)
    assert stage.network.config.localises
    losses = [stage.epoch(samples, 4) for _ in range(8)]
    assert losses[-1]["findings_loss"] < losses[0]["findings_loss"]
    changed = {k.split(".")[0] for k, v in stage.network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"encoder", "retrieval", "evidence"}


def test_a_batch_of_both_kinds_knows_what_is_written():
    samples = random_samples(2)
    batch = make_batch([random_films(1, {3}, {3, 4})[0], *samples], tiny_weights().tokenizer)
    assert batch.written.tolist() == [1, 2] and len(batch.ids) == 2 and batch.same.shape == (2, 2)
    assert batch.known[0].nonzero().flatten().tolist() == [3, 4] and batch.known[1:].all()
    assert batch.positive[0].nonzero().flatten().tolist() == [3]
    assert batch.present.tolist()[0] == [True, False] and batch.pixels.shape == (3, 2, 256, 256)


def test_each_kind_of_sample_has_a_head_of_its_own(stage):
    both = [*random_samples(2), *random_films(2, {3}, {3, 4})]
    batch = make_batch(both, tiny_weights().tokenizer)
    assert batch.kind.tolist() == [1, 1, 0, 0]
    with torch.no_grad():
        stage.head.bias.copy_(torch.arange(28.0))
        stage.head.weight.zero_()
    found = stage._classify(torch.zeros(4, stage.head.in_features), batch)
    assert found[0].tolist() == found[1].tolist() == list(range(14, 28))
    assert found[2].tolist() == found[3].tolist() == list(range(14))


def _loss(stage, samples):
    """Findings, evidence and contrast loss without chance."""
    stage.modules.eval()
    stage.generator.manual_seed(0)
    return tuple(loss.item() for loss in stage._losses(make_batch(samples, stage.tokenizer)))


def test_what_is_unknown_does_not_count(stage):
    some = [_loss(stage, random_films(2, positive, {3, 4}))[:2] for positive in ({3}, {3, 5, 13}, {4})]
    assert some[0] == some[1] and all(one != other for one, other in zip(some[0], some[2], strict=True))
    assert _loss(stage, random_films(2, {3}, ()))[:2] == (0, 0)


def test_films_alone_have_no_contrast(stage):
    assert _loss(stage, random_films(3))[2] == 0 and _loss(stage, [*random_films(3), *random_samples(1)])[2] == 0
    both = random_samples(2)
    assert _loss(stage, [*both, *random_films(3)])[2] == pytest.approx(_loss(stage, both)[2], rel=0.2)
    assert stage.epoch(random_films(4), 4)["contrast_loss"] == 0


def test_the_network_carries_the_average_of_the_best_epoch_after_the_stage(stage, monkeypatch):
    samples, kept = random_samples(4), []
    for score in (0.6, 0.8, 0.7):
        stage.epoch(samples, 4)
        monkeypatch.setattr("cxrreport.training.encoder_stage.mean_auc", lambda *_, score=score: score)
        stage.validate(samples, 4)
        with stage.average.applied():
            kept.append({k: v.clone() for k, v in stage.network.encoder.state_dict().items()})
    stage.adopt_best()
    assert all(torch.equal(v, kept[1][k]) for k, v in stage.network.encoder.state_dict().items())
    assert not all(torch.equal(kept[1][k], kept[2][k]) for k in kept[2])
    assert any("running_mean" in k for k in kept[1]) and not stage.network.encoder.training


def test_without_an_epoch_the_network_stays_as_it_was(stage):
    before = {k: v.clone() for k, v in stage.network.state_dict().items()}
    stage.adopt_best()
    assert all(torch.equal(v, before[k]) for k, v in stage.network.state_dict().items())


def test_validation_is_the_mean_area_of_findings_that_vary(stage, monkeypatch):
    samples = random_samples(12, seed=3)
    truth = np.stack([s.states == 1 for s in samples]).astype(np.float32)
    assert 0 <= stage.validate(samples, 5)["mean_auc"] <= 1
    said = iter(torch.from_numpy(truth).split(5))
    monkeypatch.setattr(stage.head, "forward", lambda pooled: next(said).repeat(1, 2))
    assert stage.validate(samples, 5) == {"mean_auc": 1.0}


def test_common_findings_have_eight_positives(stage, monkeypatch):
    samples = random_samples(30, seed=3)
    truth = np.stack([s.states == 1 for s in samples])
    scores = np.where(truth.sum(0) >= 8, truth, ~truth).astype(np.float32)
    batches = iter(torch.from_numpy(scores).split(15))
    monkeypatch.setattr(stage.head, "forward", lambda pooled: next(batches).repeat(1, 2))
    found = stage.validate(samples, 15)
    assert found["mean_auc_common"] == 1 and 0 < found["mean_auc"] < 1


def test_validation_without_anything_to_tell_apart(stage):
    assert stage.validate(random_samples(1) * 3, 2) == {}


def test_vectors_and_the_contrastive_scale_do_not_decay(stage):
    decay = {id(p): group["weight_decay"] for group in stage.descent.optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(stage.modules.parameters()))
    assert decay[id(stage.network.retrieval.log_scale)] == 0
    assert all((decay[id(p)] > 0) == (p.ndim > 1) for p in stage.modules.parameters())


def test_the_text_tower_learns_more_slowly(stage):
    rates = {id(p): group["max_lr"] for group in stage.descent.optimizer.param_groups for p in group["params"]}
    text = {id(p) for p in stage.network.retrieval.text.parameters()}
    assert [rates[i] for i in text] == pytest.approx([6e-4] * len(text))
    assert {rate for i, rate in rates.items() if i not in text} == {3e-3}


def test_films_count_in_what_is_kept_as_far_as_their_labels_tell(stage, monkeypatch):
    asked, said = [], iter((0.9, 0.7, 0.6))
    monkeypatch.setattr(
        "cxrreport.training.encoder_stage.mean_auc", lambda truth, *_: asked.append(truth) or next(said)
    )
    found = stage.validate(random_samples(2), 4, random_films(3, {3}, {3, 4}))
    assert found == {"mean_auc": 0.9, "mean_auc_common": 0.7, "mean_auc_films": 0.6}
    assert float(stage.best.score) == pytest.approx(0.65)
    assert asked[2][0, 3] == 1 and asked[2][0, 4] == 0 and np.isnan(np.delete(asked[2], [3, 4], 1)).all()


def test_a_stage_may_learn_from_smaller_images(stage, monkeypatch):
    seen = []
    forward = stage.network.encoder.forward
    monkeypatch.setattr(stage.network.encoder, "forward", lambda *a: seen.append(a) or forward(*a))
    small = EncoderStage(stage.network, stage.tokenizer, 3e-3, 4, torch.Generator(), 32)
    small.epoch(random_samples(4), 4)
    assert seen[0][0].shape[-1] == seen[0][2] == 32
