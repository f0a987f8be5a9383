import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.network import VOCABULARY, random_films, random_samples
from builders.training import SPLITS, read_noise, told_lines, train_options
from safetensors import safe_open
from safetensors.torch import load_file

import cxrreport.training.start as start_module
import cxrreport.training.trainer as module
from cxrreport.datasets.directory import READERS
from cxrreport.datasets.nih import IMAGE_READERS
from cxrreport.errors import ConfigurationError, UnavailableError, UsageError
from cxrreport.model.weights import load_weights, save_weights
from cxrreport.training.encoder_stage import EncoderStage
from cxrreport.training.network_stage import NetworkStage
from cxrreport.training.recipe import Round
from cxrreport.training.towers_stage import TowersStage
from cxrreport.training.trainer import train


@pytest.fixture(autouse=True, scope="module")
def _dataset():
    """A dataset of noise, a starting point that needs no package, and few epochs of the retriever, which has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train_retriever", partial(module.train_retriever, epochs=3))
        patch.setitem(READERS, "noise", read_noise)
        patch.setattr(start_module, "load_vocabulary", lambda: VOCABULARY)
        yield


TWO = [Round(epochs=2)]


def _options(out, **changes):
    chosen = {"encoder_rounds": [Round()], "towers_epochs": 1, "network_epochs": 2, "view_epochs": 1, "copies": 2}
    batch = changes.pop("batch", 8)
    chosen |= {"batch": batch, "encoder_batch": batch}
    return train_options(out, **{**chosen, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run, and what it told."""
    out, told = tmp_path_factory.mktemp("run"), []
    best = train(_options(out, licence="for tests", command="cxrreport train"), told.append)
    return out, best, told


def test_weights_can_be_loaded_and_say_where_they_come_from(finished):
    out, best, _ = finished
    assert best == out / "best"
    weights = load_weights(best)
    manifest = weights.manifest
    assert manifest["licence"] == "for tests" and manifest["command"] == "cxrreport train"
    assert manifest["config"] == "tiny" and manifest["seed"] == 9233
    assert "12 studies" in manifest["data"] and "started from random numbers" in manifest["data"]
    assert manifest["metrics"]["split"] == "val" and "view_accuracy_frontal" in manifest["metrics"]
    thresholds = weights.network.config.thresholds
    assert len(thresholds) == 14 and all(0 <= t <= 1 for t in thresholds)
    prior = weights.network.label_prior
    assert prior.isfinite().all() and prior.min() >= 0.0099 and prior.max() <= 1


def test_every_epoch_leaves_a_line_and_tells_it(finished):
    out, _, told = finished
    lines = told_lines(out)
    assert lines == told
    assert [line["stage"] for line in lines] == ["data", "encoder", "towers", "views", "encoded", "network", "network"]
    assert (lines[0]["train"], lines[0]["val"]) == (12, 6)
    for line in told_lines(out, "network"):
        assert {"loss", "language_loss", "bleu_1", "example_f1", "mean_auc", "distinct", "selection"} <= set(line)
        chosen = [line[name] for name in ("example_f1", "states_macro_f1", "mean_auc")]
        assert line["selection"] == pytest.approx(np.mean(chosen))
    assert [line["epoch"] for line in told_lines(out, "network")] == [1, 2]


def test_the_best_epoch_is_kept(finished):
    out, best, _ = finished
    manifest = load_weights(best).manifest["metrics"]
    lines = told_lines(out, "network")
    assert manifest["selection"] == max(line["selection"] for line in lines)
    assert manifest["epoch"] == max(lines, key=lambda line: line["selection"])["epoch"]


def test_a_finished_run_does_not_train_again(finished, monkeypatch):
    out, best, _ = finished
    before = load_weights(best).sha256
    for stage in (EncoderStage, TowersStage, NetworkStage):
        monkeypatch.setattr(stage, "epoch", lambda *_: pytest.fail("trained again"))
    told = []
    assert train(_options(out), told.append) == best and not told
    assert load_weights(best).sha256 == before


class _Killed(Exception):
    pass


def _kill_after(stage, epoch):
    def tell(facts):
        if facts["stage"] == stage and facts.get("epoch") == epoch:
            raise _Killed

    return tell


def _without_clock(lines):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def _assert_alike(whole, killed):
    for name, epochs in (("encoder", [1, 2]), ("towers", [1]), ("network", [1, 2])):
        ours, theirs = (_without_clock(told_lines(run, name)) for run in (whole, killed))
        assert [line["epoch"] for line in theirs] == epochs
        assert theirs == ours
    for name in ("model.safetensors", "config.json", "vocab.txt", "retriever.safetensors"):
        assert (whole / "best" / name).read_bytes() == (killed / "best" / name).read_bytes(), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two and two epochs that nothing interrupts, with checkpoints after epochs only."""
    out = tmp_path_factory.mktemp("whole")
    train(_options(out, encoder_rounds=TWO, batch=4, checkpoint_minutes=0.0), lambda _: None)
    return out


@pytest.mark.parametrize(("stage", "epoch"), [("encoder", 1), ("towers", 1), ("network", 1)])
def test_a_killed_run_goes_on_as_if_nothing_had_been(whole, tmp_path, stage, epoch):
    options = _options(tmp_path, encoder_rounds=TWO, batch=4, checkpoint_minutes=0.0)
    with pytest.raises(_Killed):
        train(options, _kill_after(stage, epoch))
    train(options, lambda _: None)
    _assert_alike(whole, tmp_path)


# steps of an epoch: six of the encoder, three of the others; so the kill comes in a first epoch or in a second one
@pytest.mark.parametrize(("stage", "step", "steps"), [(EncoderStage, 8, 12), (TowersStage, 2, 3), (NetworkStage, 5, 6)])
def test_a_run_killed_within_an_epoch_goes_on_with_the_next_step(whole, tmp_path, monkeypatch, stage, step, steps):
    options = _options(tmp_path, encoder_rounds=TWO, batch=4, checkpoint_minutes=1e-9)
    original, calls = stage._step, []

    def counted(self, *arguments):
        calls.append(1)
        if len(calls) == step:
            raise _Killed
        return original(self, *arguments)

    monkeypatch.setattr(stage, "_step", counted)
    with pytest.raises(_Killed):
        train(options, lambda _: None)
    train(options, lambda _: None)
    assert len(calls) == steps + 1  # no step was taken twice
    _assert_alike(whole, tmp_path)


def test_a_seed_gives_ever_the_same_weights_and_another_one_others(whole, tmp_path):
    for name, seed in (("same", 9233), ("other", 1)):
        train(_options(tmp_path / name, encoder_rounds=TWO, batch=4, seed=seed), lambda _: None)
    _assert_alike(whole, tmp_path / "same")
    ours, theirs = (load_file(out / "best" / "model.safetensors") for out in (whole, tmp_path / "other"))
    assert ours.keys() == theirs.keys()
    assert not torch.equal(ours["classifier.linear.weight"], theirs["classifier.linear.weight"])
    assert told_lines(whole, "network")[0]["loss"] != told_lines(tmp_path / "other", "network")[0]["loss"]


def test_the_label_prior_of_each_epoch_is_told_and_saved(whole):
    lines = told_lines(whole, "network")
    priors = [line["label_prior"] for line in lines]
    assert all(len(prior) == 14 and 0 < min(prior) <= max(prior) <= 1 for prior in priors)
    assert priors[0] != priors[1]
    with safe_open(whole / "network.safetensors", framework="pt") as file:
        assert file.get_tensor("network/label_prior").tolist() == pytest.approx(priors[-1], abs=1e-6)
    best = max(lines, key=lambda line: line["selection"])
    config = json.loads((whole / "best" / "config.json").read_text())
    assert config["label_prior"] == pytest.approx(best["label_prior"], abs=1e-6)


def test_a_run_goes_on_with_the_studies_it_was_begun_with(tmp_path, monkeypatch):
    splits = {split: list(samples) for split, samples in SPLITS.items()}
    monkeypatch.setitem(READERS, "noise", lambda directory, split: list(splits[split]))
    with pytest.raises(_Killed):
        train(_options(tmp_path), _kill_after("encoder", 1))
    splits["train"] = random_samples(3, 9, "new") + splits["train"]  # the archive has grown
    told = []
    train(_options(tmp_path), told.append)
    assert told[0]["train"] == 12
    (tmp_path / "network.safetensors").unlink()
    splits["train"][5] = random_samples(1, 10, "changed")[0]
    with pytest.raises(UsageError, match="changed or are gone"):
        train(_options(tmp_path), lambda _: None)
    (tmp_path / "studies.json").write_text("{}")
    with pytest.raises(UsageError, match="damaged"):
        train(_options(tmp_path), lambda _: None)


def test_fine_tuning_starts_from_weights_and_needs_no_package(finished, tmp_path, monkeypatch):
    """A hospital that fine-tunes has none of the packages that training from scratch needs."""

    def missing():
        raise ConfigurationError("Training from scratch needs a package.")

    for name in ("load_imagenet", "load_vocabulary", "minilm_directory"):
        monkeypatch.setattr(start_module, name, missing)
    options = _options(tmp_path, init=finished[1], encoder_rounds=[], towers_epochs=0, network_epochs=1)
    best = train(options, lambda _: None)
    start, tuned = load_weights(finished[1]), load_weights(best)
    assert tuned.tokenizer.vocabulary == start.tokenizer.vocabulary
    for name, value in start.network.encoder.state_dict().items():
        assert torch.equal(tuned.network.encoder.state_dict()[name], value)
    assert start.sha256[:12] in tuned.manifest["data"]


def test_phantoms_and_weights_of_a_start_teach_the_network_to_read_indications(finished, tmp_path):
    recipe = {"indication": True, "phantoms": 4, "encoder_rounds": [], "towers_epochs": 0, "network_epochs": 1}
    best = train(_options(tmp_path, init=finished[1], **recipe), lambda _: None)
    before, after = load_weights(finished[1]).network, load_weights(best).network
    assert before.indication is None and after.config.reads_indication
    assert after.indication.kind.abs().sum() > 0
    again = train(
        _options(tmp_path / "more", init=best, encoder_rounds=[], towers_epochs=0, network_epochs=1), lambda _: None
    )
    assert load_weights(again).network.config.reads_indication  # what was learnt stays


@pytest.fixture()
def films(monkeypatch):
    """A collection of films of noise without reports: twelve to learn from, thirty of validation."""
    made = random_films(42, positive=None, known=None, seed=4)
    splits = {"train": made[:12], "val": made[12:]}
    monkeypatch.setitem(IMAGE_READERS, "noise", lambda directory, split: splits[split])
    return {"films": "noise", "films_directory": Path("/nowhere")}


def test_films_without_reports_teach_the_encoder_and_a_killed_run_goes_on(tmp_path, films):
    options = {**films, "encoder_rounds": TWO, "network_epochs": 1}
    train(_options(tmp_path / "whole", **options), lambda _: None)
    with pytest.raises(_Killed):
        train(_options(tmp_path / "killed", **options), _kill_after("encoder", 1))
    train(_options(tmp_path / "killed", **options), lambda _: None)
    whole, killed = (tmp_path / name / "best" / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
    manifest = load_weights(tmp_path / "whole" / "best").manifest
    assert "12 studies" in manifest["data"] and "12 films of noise without reports" in manifest["data"]
    assert told_lines(tmp_path / "whole")[0]["films"] == 12
    assert {"mean_auc", "mean_auc_films", "findings_loss"} <= set(told_lines(tmp_path / "whole", "encoder")[0])
    assert {"mean_auc", "mean_auc_films", "evidence_loss"} <= set(told_lines(tmp_path / "whole", "towers")[0])
    line = told_lines(tmp_path / "whole", "network")[0]
    assert line["films_loss"] > 0
    chosen = [line[name] for name in ("example_f1", "states_macro_f1", "mean_auc", "films_auc")]
    assert line["selection"] == pytest.approx(np.mean(chosen))


def test_without_epochs_of_the_towers_no_head_is_put_in(finished, tmp_path):
    headless = load_weights(finished[1])
    headless.network.evidence, headless.network.config.localises = None, False
    start = tmp_path / "start"
    card = {name: value for name, value in headless.manifest.items() if name != "files"}
    save_weights(start, headless.network, headless.views, headless.tokenizer, card, headless.hyperbolic)
    best = train(
        _options(tmp_path / "run", init=start, encoder_rounds=[], towers_epochs=0, network_epochs=1, view_epochs=0),
        lambda _: None,
    )
    assert load_weights(best).network.evidence is None


def test_without_network_and_view_epochs_all_but_encoder_and_towers_is_kept(finished, tmp_path):
    start = load_weights(finished[1])
    options = _options(tmp_path, init=finished[1], network_epochs=0, view_epochs=0)
    best = train(options, lambda _: None)
    tuned = load_weights(best)
    own, theirs = tuned.network.state_dict(), start.network.state_dict()
    assert {k.split(".")[0] for k in own if not torch.equal(own[k], theirs[k])} == {"encoder", "retrieval", "evidence"}
    assert all(torch.equal(v, start.views.state_dict()[k]) for k, v in tuned.views.state_dict().items())
    metrics = tuned.manifest["metrics"]
    assert {"selection", "bleu_1", "view_accuracy_frontal"} <= set(metrics) and metrics["epoch"] == 0
    told = []
    assert train(options, told.append) == best and not told


def test_each_round_goes_on_where_it_was_killed_with_what_the_one_before_left(tmp_path):
    rounds = {"encoder_rounds": [Round(pixels=32, laterals=True), Round(epochs=2)], "network_epochs": 1}
    train(_options(tmp_path / "whole", **rounds), lambda _: None)
    for last in ((1, 1), (2, 2)):

        def kill(facts, last=last):
            if (facts.get("round"), facts.get("epoch")) == last:
                raise _Killed

        with pytest.raises(_Killed):
            train(_options(tmp_path / "killed", **rounds), kill)
    train(_options(tmp_path / "killed", **rounds), lambda _: None)
    whole, killed = (tmp_path / name / "best" / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
    told = [(line["round"], line["epoch"]) for line in told_lines(tmp_path / "whole", "encoder")]
    assert told == [(1, 1), (2, 2), (2, 3)]


def test_an_encoder_that_is_begun_is_not_yet_a_finished_run(finished, tmp_path):
    options = _options(tmp_path, init=finished[1], encoder_rounds=TWO, network_epochs=0, view_epochs=0)
    with pytest.raises(_Killed):
        train(options, _kill_after("encoder", 1))
    assert load_weights(train(options, lambda _: None)).manifest["metrics"]["epoch"] == 0
    assert [line["epoch"] for line in told_lines(tmp_path, "encoder")] == [1, 2]


@pytest.mark.parametrize(("changes", "train_and_val"), [({"phantoms": 3}, (15, 6)), ({"limit": 4}, (4, 4))])
def test_phantoms_join_the_train_split_only_and_a_limit_shortens_every_one(
    tmp_path, monkeypatch, changes, train_and_val
):
    monkeypatch.setattr(module, "draw_phantoms", lambda count, seed: random_samples(count, seed, "phantom-1"))
    told = []
    with pytest.raises(_Killed):
        train(_options(tmp_path, **changes), lambda facts: told.append(facts) or _kill_after("data", None)(facts))
    assert (told[0]["train"], told[0]["val"]) == train_and_val


def test_splits_that_share_a_patient_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(READERS, "noise", lambda directory, split: SPLITS["train"])
    with pytest.raises(UsageError, match="two splits"):
        train(_options(tmp_path), lambda _: None)


def test_a_gpu_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UnavailableError) as caught:
        train(_options(tmp_path, device="cuda"), lambda _: None)
    assert caught.value.exit_code == 69


def test_weights_whose_swap_was_killed_are_back_before_training_goes_on(finished):
    out, best, _ = finished
    best.rename(out / "best.old")
    assert train(_options(out), lambda _: None) == best
    assert load_weights(best).manifest["licence"] == "for tests"


def test_a_row_of_the_ablations_is_trained_and_says_so(tmp_path):
    best = train(_options(tmp_path, ablation="promptmrg", network_epochs=1), lambda facts: None)
    config = load_weights(best).network.config
    assert not config.scl and not config.reports_in_memory and not config.feature_difference
    with pytest.raises(UsageError, match="ablation"):
        train(_options(tmp_path, network_epochs=1), lambda facts: None)
