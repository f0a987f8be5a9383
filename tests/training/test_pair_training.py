import json
from pathlib import Path

import pytest
from builders.network import random_samples, tiny_weights
from builders.pairs import drawn_pairs, kill_at

import cxrreport.training.pair_training as module
from cxrreport.datasets.iu_xray import READERS
from cxrreport.datasets.pairs.alignment import leave_apart
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.errors import UsageError
from cxrreport.model.manifest import read_manifest
from cxrreport.model.weights import load_weights, save_weights
from cxrreport.training.options import TrainOptions
from cxrreport.training.pair_training import Sources, training_pairs, validation_pairs
from cxrreport.training.trainer import train

SPLITS = {"train": random_samples(12, 1, "train"), "val": random_samples(6, 2, "val")}


@pytest.fixture()
def init(tmp_path):
    made = tiny_weights()
    card = {"config": "tiny", "metrics": {"example_f1": 0.5}}
    save_weights(tmp_path / "init", made.network, made.views, made.tokenizer, card)
    return tmp_path / "init"


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    """Pairs of noise that nobody registers: drawing and registering have tests of their own."""
    monkeypatch.setitem(READERS, "noise", lambda directory, split: list(SPLITS[split]))
    monkeypatch.setattr(module, "training_pairs", lambda options, sources: drawn_pairs(12, options.seed, "phantom"))
    still = lambda: drawn_pairs(4, 3, "identical")  # noqa: E731
    monkeypatch.setattr(module, "validation_pairs", lambda options, sources: (*drawn_pairs(6, 2, "phantom"), *still()))
    encode = module.encode_pairs
    monkeypatch.setattr(module, "encode_pairs", lambda d, pairs, bank, workers: encode(d, pairs, bank, 0, leave_apart))


def options(out, init, **changes):
    chosen = {"encoder_epochs": 0, "network_epochs": 0, "view_epochs": 0, "pair_epochs": 2, "batch": 6, **changes}
    chosen.setdefault("command", "cxrreport train")
    return TrainOptions("noise", Path("/nowhere"), out, size="tiny", init=init, device="cpu", **chosen)


def test_the_stage_adds_a_file_and_leaves_the_other_weights_as_they_are(tmp_path, init):
    told = []
    best = train(options(tmp_path / "run", init), told.append)
    before, after = read_manifest(init)["files"], read_manifest(best)["files"]
    assert set(after) - set(before) == {"temporal.safetensors"} and before.items() <= after.items()
    assert load_weights(best).temporal is not None
    manifest = read_manifest(best)
    assert manifest["metrics"] == {"example_f1": 0.5}
    card = manifest["temporal"]
    assert card["command"] == "cxrreport train" and card["seed"] == 9233 and "procedural pairs" in card["data"]
    assert {"split", "strictness", "steadiness", "phantom_macro_f1", "false_change"} <= set(card["metrics"])
    assert [line["epoch"] for line in told if line["stage"] == "temporal"] == [1, 2]


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(tmp_path, init, monkeypatch):
    whole = read_manifest(train(options(tmp_path / "whole", init), lambda facts: None))["files"]
    with pytest.raises(KeyboardInterrupt):
        train(options(tmp_path / "cut", init), kill_at("temporal"))
    monkeypatch.setattr(module, "training_pairs", lambda *_: pytest.fail("the pairs of the run are kept"))
    told = []
    assert read_manifest(train(options(tmp_path / "cut", init), told.append))["files"] == whole
    again = []
    train(options(tmp_path / "cut", init), again.append)
    assert told and not again  # a finished run does nothing


def test_weights_that_compare_keep_it_where_the_network_stays(tmp_path, init):
    best = train(options(tmp_path / "run", init), lambda facts: None)
    for number, (changes, kept) in enumerate(
        (({"view_epochs": 1}, True), ({"network_epochs": 1}, False), ({"encoder_epochs": 1}, False))
    ):
        other = train(options(tmp_path / f"other-{number}", best, pair_epochs=0, **changes), lambda facts: None)
        assert ("temporal.safetensors" in read_manifest(other)["files"]) == kept


def test_what_compares_is_fine_tuned_from_what_the_first_weights_have(tmp_path, init):
    best = train(options(tmp_path / "run", init), lambda facts: None)
    told = []
    train(options(tmp_path / "more", best, pair_epochs=1, pair_lr=1e-6), told.append)
    more, first = (load_weights(place).temporal.state_dict() for place in (tmp_path / "more/best", best))
    name = "fam.projection.0.weight"
    assert (more[name] - first[name]).abs().max() < 1e-3


def test_pairs_that_nothing_can_be_chosen_by_are_refused(tmp_path, init, monkeypatch):
    monkeypatch.setattr(module, "validation_pairs", lambda *_: drawn_pairs(4, 3, "identical"))
    with pytest.raises(UsageError, match="not enough pairs"):
        train(options(tmp_path / "run", init), lambda facts: None)


def test_another_number_of_pairs_is_another_run(tmp_path, init):
    train(options(tmp_path / "run", init), lambda facts: None)
    with pytest.raises(UsageError, match="phantom_pairs"):
        train(options(tmp_path / "run", init, phantom_pairs=9), lambda facts: None)


def test_no_patient_is_in_training_and_validation_pairs(tmp_path, init, monkeypatch):
    def once(samples, *_):
        return (PairSample(s.key, s.patient, *[s.films[0]] * 2, *[s.positive] * 3, s.states, (), None) for s in samples)

    monkeypatch.setattr(module, "inserted_pairs", once)
    monkeypatch.setattr(module, "identical_pairs", once)
    chosen, sources = options(tmp_path / "run", init, phantom_pairs=16), Sources(SPLITS["train"], SPLITS["val"])
    learnt, asked = ([p.patient for p in make(chosen, sources)] for make in (training_pairs, validation_pairs))
    assert len(learnt) == 16 + 12 and len(set(asked)) == 2 + 6 and not set(learnt) & set(asked)


def test_the_manifest_holds_no_patient(tmp_path, init):
    best = train(options(tmp_path / "run", init), lambda facts: None)
    assert "train-" not in json.dumps(read_manifest(best))
