import numpy as np
import pytest
import torch
from builders.network import random_films, random_samples, tiny_weights

from cxrreport.training.towers_stage import TowersStage, read_written, same_texts


def test_reports_know_their_rows_and_their_equals():
    first, second = random_samples(2)
    film = random_films(1)[0]
    written = read_written([film, first, second, first], tiny_weights().tokenizer)
    assert written.rows.tolist() == [1, 2, 3] and len(written.ids) == 3 == len(written.mask)
    same = same_texts([film, first, second, first])
    assert same.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert len(read_written([film], tiny_weights().tokenizer).rows) == 0


@pytest.fixture()
def stage():
    weights = tiny_weights()
    return TowersStage(weights.network, weights.tokenizer, 3e-3, 24, torch.Generator().manual_seed(0))


def test_an_epoch_learns_and_touches_towers_and_evidence_only(stage):
    assert stage.network.config.localises
    before = {k: v.clone() for k, v in stage.network.state_dict().items()}
    samples = [*random_samples(8), *random_films(2)]
    losses = [stage.epoch(samples, 5) for _ in range(8)]
    assert all(losses[-1][name] < losses[0][name] for name in stage.losses)
    changed = {k.split(".")[0] for k, v in stage.network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"retrieval", "evidence"} and not stage.network.encoder.training


def _loss(stage, samples):
    """Evidence and contrast loss without chance."""
    stage.modules.eval()
    stage.network.encoder.eval()
    seeds = torch.arange(len(samples))
    return tuple(loss.item() for loss in stage._losses(samples, seeds, same_texts(samples)))


def test_what_is_unknown_does_not_count(stage):
    some = [_loss(stage, random_films(2, positive, {3, 4}))[0] for positive in ({3}, {3, 5, 13}, {4})]
    assert some[0] == some[1] and some[0] != some[2] and _loss(stage, random_films(2, {3}, ()))[0] == 0


def test_films_alone_have_no_contrast(stage):
    assert _loss(stage, random_films(3))[1] == 0 and _loss(stage, [*random_films(3), *random_samples(1)])[1] == 0
    both = random_samples(2)
    assert _loss(stage, [*both, *random_films(3)])[1] == pytest.approx(_loss(stage, both)[1], rel=0.2)
    assert stage.epoch(random_films(4), 4)["contrast_loss"] == 0


def test_each_kind_is_shifted_by_itself(stage):
    samples = [random_samples(1)[0], random_films(1)[0]]
    before = stage._score(samples, 2)[1]
    with torch.no_grad():
        stage.shift.weight[1] += 3
    moved = stage._score(samples, 2)[1] - before
    assert torch.allclose(moved[0], torch.tensor(3.0), atol=0.05) and (moved[1] == 0).all()


def test_validation_is_of_studies_and_films(stage):
    studies, films = random_samples(12, seed=3), random_films(30, None, None, 1)
    found = stage.validate(studies, 5, films)
    assert set(found) == {"mean_auc", "mean_auc_films"} and all(0 <= value <= 1 for value in found.values())
    assert len(stage._score(films, 7)[1]) == 30 and np.isclose(
        found["mean_auc"], stage.validate(studies, 12)["mean_auc"]
    )


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
