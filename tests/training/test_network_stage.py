from dataclasses import replace

import numpy as np
import pytest
import torch
from builders.network import random_features, random_films, random_samples, tiny_weights

from cxrreport.datasets.encoded import encode_samples
from cxrreport.datasets.encoded_films import encode_films
from cxrreport.model.config import PREFIX_LENGTH
from cxrreport.model.drafter import Drafter
from cxrreport.training.network_stage import NetworkStage, rarity, start_prior


def _generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def samples():
    return random_samples(8)


@pytest.fixture()
def drafter():
    return Drafter(tiny_weights())


def _encode(drafter, samples, copies=2):
    bank = drafter.embed_texts([s.summary for s in samples])
    return encode_samples(drafter, samples, bank, [s.patient for s in samples], copies, _generator())


def test_a_sample_never_retrieves_its_own_report(drafter, samples):
    """Even where its own report is the nearest of all."""
    query = drafter.embed_images(_features(drafter, samples))
    encoded = encode_samples(drafter, samples, query, [s.patient for s in samples], 1, _generator())
    assert encoded.retrieved.shape == (8, drafter.retrieved)
    for row, found in enumerate(encoded.retrieved.tolist()):
        assert row not in found and len(set(found)) == len(found)
    foreign = encode_samples(drafter, samples, query, None, 1, _generator())
    assert foreign.retrieved[:, 0].tolist() == list(range(8))  # without the rule it would have come first


def test_a_bank_may_hold_more_reports_than_there_are_samples(drafter, samples):
    """Two reports of the first patient and five of others: none of the two is retrieved, wherever they stand."""
    bank = drafter.embed_texts([s.summary for s in samples[1:]])
    patients = [samples[0].patient if row in (2, 6) else f"other-{row}" for row in range(7)]
    encoded = encode_samples(drafter, samples[:2], bank, patients, 1, _generator())
    assert encoded.retrieved.shape == (2, 5)
    assert sorted(encoded.retrieved[0].tolist()) == [0, 1, 3, 4, 5]


def _features(drafter, samples):
    films = torch.from_numpy(np.stack([s.pixels for s in samples]))
    with torch.inference_mode():
        return drafter.network.encoder(films, torch.from_numpy(np.stack([s.present for s in samples])))


def test_the_first_copy_is_the_plain_film(drafter, samples):
    encoded, plain = _encode(drafter, samples), _features(drafter, samples)
    assert encoded.patches.shape == (2, 8, 98, 16) and encoded.patches.dtype == torch.float16
    found = encoded.features([1, 3], torch.zeros(2, dtype=torch.long))
    assert torch.allclose(found.patches, plain.patches[[1, 3]], atol=2e-2)
    assert torch.equal(found.patch_mask, plain.patch_mask[[1, 3]])
    assert not torch.allclose(encoded.patches[0].float(), encoded.patches[1].float(), atol=2e-2)


def test_copies_are_chosen_for_each_sample(drafter, samples):
    encoded = _encode(drafter, samples)
    mixed = encoded.features([0, 1], torch.tensor([1, 0]))
    assert torch.equal(mixed.pooled, torch.stack([encoded.pooled[1, 0], encoded.pooled[0, 1]]).float())


@pytest.fixture()
def stage(drafter):
    return NetworkStage(drafter.weights, 3e-3, 40, _generator())


def test_an_epoch_learns_and_leaves_the_encoder_alone(stage, drafter, samples):
    encoded = _encode(drafter, samples)
    before = {k: v.clone() for k, v in stage.network.state_dict().items()}
    torch.manual_seed(0)
    losses = [stage.epoch(samples, encoded, 4) for _ in range(6)]
    assert losses[-1]["loss"] < losses[0]["loss"] and losses[-1]["language_loss"] < losses[0]["language_loss"]
    assert set(losses[0]) == {*NetworkStage.losses} and losses[0]["films_loss"] == 0
    for key, value in stage.network.state_dict().items():
        if key.startswith(("encoder.", "retrieval.")):
            assert torch.equal(value, before[key]), key
    assert not torch.equal(stage.network.gates, before["gates"])


def test_temperature_falls_as_training_goes_on(stage, drafter, samples):
    encoded = _encode(drafter, samples, copies=1)
    stage.epoch(samples, encoded, 4)
    first = stage.network.similar.temperature.item()
    stage.descent.schedule.last_epoch = stage.descent.schedule.total_steps - 2
    stage.epoch(samples, encoded, 4)
    assert first > 9 and stage.network.similar.temperature.item() < 0.2
    assert stage.network.different.temperature.item() == stage.network.similar.temperature.item()


def test_some_indications_are_held_back_and_networks_without_draw_nothing_for_it(stage, samples):
    told = [replace(s, indication="effusion" if row % 2 else "") for row, s in enumerate(samples)]
    reader = Drafter(tiny_weights(indications=True))
    assert _encode(Drafter(tiny_weights()), told).indication is None
    encoded = _encode(reader, told)
    assert (encoded.indication != 0).sum(1).tolist() == [0, 1] * 4
    drawn = stage.generator.get_state()
    assert stage._told(None) is None and torch.equal(stage.generator.get_state(), drawn)
    shown = torch.stack([stage._told(encoded.indications([1, 3, 0])) for _ in range(400)])
    share = (shown != 0).any(2).float().mean(0)
    assert share[2] == 0 and 0.6 < share[0] < 0.8 and 0.6 < share[1] < 0.8


def test_a_network_learns_to_read_them(samples):
    drafter = Drafter(tiny_weights(indications=True))
    encoded = _encode(drafter, [replace(s, indication=s.target) for s in samples])
    stage = NetworkStage(drafter.weights, 3e-3, 40, _generator())
    stage.epoch(samples, encoded, 4)
    assert drafter.network.indication.kind.abs().sum() > 0


def test_decoder_is_taught_prefix_report_end(stage, samples):
    ids, tokenizer = stage._ids(samples[0]), stage.tokenizer
    assert ids[0] == tokenizer.begin and ids[-1] == tokenizer.end
    assert ids[1:PREFIX_LENGTH] == [tokenizer.states[i] for i in samples[0].states]
    assert tokenizer.decode(ids[PREFIX_LENGTH:-1]) == samples[0].target.replace(" .", ".")


def test_prior_is_updated_in_place(stage):
    states = np.zeros((4, 14), np.int64)
    states[:, 0], states[:2, 1] = 1, 1
    stage.network.label_prior.fill_(0.3)
    positive = np.full((4, 14), 0.8, np.float32)
    positive[:, 1] = 0.2
    stage.update_prior(positive, states)
    assert stage.network.label_prior.tolist() == pytest.approx([1.0, 0.25] + [0.3] * 12)


def test_first_prior_is_relative_frequency(samples):
    prior = start_prior(samples)
    frequency = np.stack([s.states == 1 for s in samples]).mean(0)
    assert prior.tolist() == pytest.approx(np.clip(frequency / frequency.max(), 0.01, 1).tolist(), rel=1e-5)


def test_rare_findings_weigh_more_up_to_a_bound():
    positive = np.zeros((100, 14), bool)
    positive[:64, 13] = True  # common
    positive[64:68, 1] = True  # a sixteenth of that
    positive[68, [1, 2]] = True  # as rare as can be
    weights = rarity(positive, 0.5)
    assert weights[:64].eq(1).all() and weights[69:].eq(1).all()  # nothing positive weighs as the commonest
    assert weights[64].item() == pytest.approx((5 / 64) ** -0.5)
    assert weights[68] == 8
    assert rarity(positive, 0).eq(1).all()


def test_a_balanced_epoch_shows_the_rare_more_often(drafter):
    samples = random_samples(64)
    for sample in samples[1:]:
        sample.states[:] = [0] * 13 + [1]
    samples[0].states[:] = [0, 0, 0, 1] + [0] * 10
    stage = NetworkStage(drafter.weights, 1e-3, 8, _generator(), balance=1.0)
    drawn = [i for rows in stage._rows(samples, 16) for i in rows]
    assert len(drawn) == 64 and drawn.count(0) > 3


def test_the_average_holds_the_statistics_of_batch_norm_too(stage, drafter, samples):
    norm, encoded = stage.network.difference.norm, _encode(drafter, samples, copies=1)
    start = norm.running_mean.clone()
    for _ in range(3):
        stage.epoch(samples, encoded, 4)
    live = norm.running_mean.clone()
    with stage.average.applied():
        assert not torch.equal(norm.running_mean, live) and not torch.equal(norm.running_mean, start)
    assert torch.equal(norm.running_mean, live)


def _film_stage(drafter, samples, known=range(14)):
    encoded = _encode(drafter, samples)
    films = encode_films(drafter, random_films(6, {3}, known), encoded.bank.numpy(), 2, _generator())
    return NetworkStage(drafter.weights, 3e-3, 24, _generator(), films=films), encoded


def test_films_are_encoded_as_studies_with_a_frontal_image_alone(drafter):
    films = random_films(3, {3})
    bank = drafter.embed_texts(["the lungs are clear", "pleural effusion"])
    encoded = encode_films(drafter, films, bank, 2, _generator())
    plain, found = _features(drafter, films), encoded.features([0, 1, 2], torch.zeros(3, dtype=torch.long))
    assert torch.allclose(found.patches, plain.patches, atol=2e-3) and torch.equal(found.patch_mask, plain.patch_mask)
    assert torch.allclose(found.pooled, plain.pooled, atol=2e-3) and len(encoded) == 3
    assert not torch.equal(encoded.pooled[0], encoded.pooled[1]) and encoded.retrieved.shape == (3, 2)


def test_films_teach_their_findings(drafter, samples):
    stage, encoded = _film_stage(drafter, samples)
    losses = [stage.epoch(samples, encoded, 4)["films_loss"] for _ in range(6)]
    assert 0 < losses[-1] < losses[0]


def test_films_that_tell_nothing_add_nothing(drafter, samples):
    stage, encoded = _film_stage(drafter, samples, ())
    assert stage.epoch(samples, encoded, 4)["films_loss"] == 0


@pytest.mark.parametrize(("studies", "drawn"), [(12, 2), (6, 4), (1, 16)])
def test_a_step_draws_films_in_their_share_and_never_many_more_than_studies(
    drafter, samples, monkeypatch, studies, drawn
):
    stage, _ = _film_stage(drafter, samples)
    asked = []
    monkeypatch.setattr(type(stage.films), "features", lambda films, rows, copy: asked.append(len(rows)) or random_features(
        stage.network, len(rows)))  # fmt: skip
    stage._film_loss(stage.films, studies, 4)
    assert asked == [drawn]


def test_what_is_told_more_often_without_a_report_is_thrown_away(drafter, samples):
    """All films have findings that no study has: the shift takes most of that, which is no part of the weights."""
    stage, encoded = _film_stage(drafter, samples)
    before = stage.shift.weight.clone()
    stage.epoch(samples, encoded, 4)
    assert not torch.equal(stage.shift.weight, before)
    assert id(stage.shift.weight) not in {id(p) for p in stage.network.parameters()}
