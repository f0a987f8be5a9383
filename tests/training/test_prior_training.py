"""The stage of priors: the decoder learns to read what the pairs say, after the stage of pairs has."""

import numpy as np
import pytest
import torch
from builders.network import tiny_weights
from builders.pairs import drawn_pairs, random_pairs
from builders.tool import copy_tree
from builders.training import read_noise, start_weights, train_options

import cxrreport.training.pair_training as pairs_module
from cxrreport.datasets.directory import READERS
from cxrreport.datasets.pairs.alignment import leave_apart
from cxrreport.errors import UsageError
from cxrreport.model.config import PREFIX_LENGTH
from cxrreport.model.drafter import Drafter
from cxrreport.model.manifest import read_manifest
from cxrreport.model.prior import UNKNOWN_CHANGE
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.weights import load_weights
from cxrreport.training.pair_cache import Bank
from cxrreport.training.prior_stage import PriorStage, read_pairs
from cxrreport.training.trainer import train

SAID = {"report": "The heart is normal. New left pleural effusion.", "prior_report": "No change. The lungs are clear."}


@pytest.fixture(scope="module")
def drafter():
    return Drafter(tiny_weights())


def read(drafter, count=12, seed=0):
    torch.manual_seed(0)
    temporal = TemporalNetwork(drafter.network.config).eval()
    vectors = np.random.default_rng(1).normal(size=(8, drafter.dimension)).astype(np.float32)
    return read_pairs(drafter, temporal, random_pairs(count, seed=seed), Bank(vectors, [""] * 8))


def test_pairs_without_a_report_teach_nothing(drafter):
    found, pairs = read(drafter), random_pairs(12)
    told = pairs.report.any(1)
    assert len(found) == int(told.sum()) == 11
    reports = pairs.report[told].long()
    for row, ids in enumerate(found.ids):
        assert ids[0] == drafter.tokenizer.begin and ids[-1] == drafter.tokenizer.end
        assert ids[PREFIX_LENGTH:-1] == [i for i in reports[row].tolist() if i]
        assert set(ids[1:PREFIX_LENGTH]) <= set(drafter.tokenizer.states)
    known = pairs.joint[told] != -1
    assert (found.changes[~known] == UNKNOWN_CHANGE).all() and (found.changes[pairs.joint[told] == 1] == 0).all()


def test_the_decoder_learns_from_the_prior_and_stays_as_it_is(drafter):
    found = read(drafter)
    before = {name: value.clone() for name, value in drafter.network.state_dict().items()}
    torch.manual_seed(0)
    stage = PriorStage(drafter, 1e-2, 60, torch.Generator().manual_seed(0))
    first = stage.validate(found)
    for _ in range(15):
        losses = stage.epoch(found, 4)
    last = stage.validate(found)
    assert last["val_language_loss"] < 0.8 * first["val_language_loss"] and losses["language_loss"] > 0
    assert all(torch.equal(value, before[name]) for name, value in drafter.network.state_dict().items())


def test_noise_takes_reports_away_and_puts_others_in_their_place(drafter):
    found = read(drafter, 60)
    stage = PriorStage(drafter, 1e-3, 20, torch.Generator().manual_seed(0))
    rows = list(range(len(found)))
    prior = found.prior(rows, torch.device("cpu"))
    seen = stage._disturbed(found, rows)
    silent = ~seen.report.any(1) & prior.report.any(1)
    others = seen.report.any(1) & (seen.report != prior.report).any(1)
    untold = (seen.changes == UNKNOWN_CHANGE).all(1) & ~(prior.changes == UNKNOWN_CHANGE).all(1)
    assert 0.1 < silent.float().mean() < 0.5 and 0.02 < others.float().mean() < 0.35
    assert 0.02 < untold.float().mean() < 0.35 and torch.equal(seen.tokens, prior.tokens)


@pytest.fixture(autouse=True, scope="module")
def _pairs():
    """Pairs of noise with reports that nobody registers."""
    encode = pairs_module.encode_pairs
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(READERS, "noise", read_noise)
        patch.setattr(
            pairs_module, "training_pairs", lambda options, _: drawn_pairs(8, options.recipe.seed, "phantom", **SAID)
        )
        patch.setattr(pairs_module, "validation_pairs", lambda options, _: drawn_pairs(4, 2, "phantom", **SAID))
        patch.setattr(pairs_module, "encode_pairs", lambda d, pairs, bank, _: encode(d, pairs, bank, 0, leave_apart))
        yield


@pytest.fixture(scope="module")
def init(tmp_path_factory):
    """Weights to start from."""
    return start_weights(tmp_path_factory.mktemp("start") / "init")


@pytest.fixture(scope="module")
def finished(init, tmp_path_factory):
    """The directory of a whole run, and what it told."""
    out, told = tmp_path_factory.mktemp("run"), []
    train(options(out, init), told.append)
    return out, told


def options(out, init, **changes):
    chosen = {
        "encoder_rounds": [],
        "towers_epochs": 0,
        "network_epochs": 0,
        "view_epochs": 0,
        "pair_epochs": 1,
        "prior_epochs": 2,
    }
    return train_options(out, init=init, batch=4, **{**chosen, **changes})


def test_the_stage_adds_a_file_and_a_card_of_its_own(finished, init):
    best, told = finished[0] / "best", finished[1]
    before, after = read_manifest(init)["files"], read_manifest(best)["files"]
    assert set(after) - set(before) == {"temporal.safetensors", "prior.safetensors"} and before.items() <= after.items()
    assert load_weights(best).prior is not None
    lines = [line for line in told if line["stage"] == "prior"]
    assert [line["epoch"] for line in lines] == [1, 2]
    best_loss = min(line["val_language_loss"] for line in lines)
    assert read_manifest(best)["prior"]["metrics"]["language_loss"] == pytest.approx(best_loss, abs=1e-4)


def test_it_can_be_learnt_alone_and_goes_where_the_pairs_are_learnt_again(tmp_path, init):
    pairs = train(options(tmp_path / "pairs", init, prior_epochs=0), lambda facts: None)
    best = train(options(tmp_path / "prior", pairs, pair_epochs=0), lambda facts: None)
    one, other = (read_manifest(place)["files"] for place in (pairs, best))
    assert other["temporal.safetensors"] == one["temporal.safetensors"] and "prior.safetensors" in other
    again = read_manifest(train(options(tmp_path / "again", best, prior_epochs=0), lambda facts: None))
    assert "prior.safetensors" not in again["files"] and "prior" not in again


def test_weights_that_compare_nothing_cannot_learn_it(tmp_path, init):
    with pytest.raises(UsageError, match="pair_epochs"):
        train(options(tmp_path / "run", init, pair_epochs=0), lambda facts: None)


@pytest.mark.parametrize("changes", [{"network_epochs": 1}, {"towers_epochs": 1}])
def test_a_network_that_is_trained_anew_is_refused_at_once_without_pairs(tmp_path, init, changes):
    with pytest.raises(UsageError, match="compares no pairs"):
        options(tmp_path / "run", init, pair_epochs=0, **changes)


def test_pairs_that_are_learnt_again_make_the_priors_be_learnt_again(tmp_path, init, finished):
    whole, run = read_manifest(finished[0] / "best")["files"], copy_tree(finished[0], tmp_path / "run")
    (run / "temporal.safetensors").unlink()
    told = []
    again = read_manifest(train(options(run, init), told.append))["files"]
    assert set(again) == set(whole) and [line["epoch"] for line in told if line["stage"] == "prior"] == [1, 2]


def test_other_views_leave_what_was_learnt_of_pairs_and_its_cards(tmp_path, finished):
    best = finished[0] / "best"
    views = options(tmp_path / "views", best, pair_epochs=0, prior_epochs=0, view_epochs=1)
    before, after = read_manifest(best), read_manifest(train(views, lambda facts: None))
    for name in ("temporal", "prior"):
        assert (
            after["files"][f"{name}.safetensors"] == before["files"][f"{name}.safetensors"]
            and after[name] == before[name]
        )


def test_pairs_without_reports_are_refused(tmp_path, init, monkeypatch):
    silent = lambda options, sources: drawn_pairs(8, 1, "phantom")  # noqa: E731
    monkeypatch.setattr(pairs_module, "training_pairs", silent)
    with pytest.raises(UsageError, match="with reports"):
        train(options(tmp_path / "run", init), lambda facts: None)


def test_every_pair_retrieves_as_many_reports_as_the_patient_with_the_most_leaves():
    bank = Bank(np.zeros((6, 4), np.float32), ["a", "a", "b", "c", "d", "e"])
    assert bank.shown(21) == 4 and bank.shown(3) == 3
    other = Bank(np.zeros((6, 4), np.float32), ["a", "a", "b", "c", "d", "f"])
    assert bank.digest() != other.digest() and bank.digest() == Bank(bank.vectors.copy(), list(bank.patients)).digest()
