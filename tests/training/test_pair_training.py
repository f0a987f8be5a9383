"""The stage of pairs from drawing and registering to the saved weights, on a few phantoms as a dataset."""

import json
import shutil
from dataclasses import replace

import pytest
from builders.network import random_samples
from builders.pairs import kill_at
from builders.training import start_weights, train_options

from cxrreport.datasets.directory import READERS
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.errors import UsageError
from cxrreport.model.manifest import read_manifest
from cxrreport.model.weights import load_weights
from cxrreport.training import pair_training
from cxrreport.training.pair_cache import PLACES, kept_pairs
from cxrreport.training.pair_training import Sources, training_pairs, validation_pairs
from cxrreport.training.trainer import train

ALONE = {"encoder_rounds": [], "towers_epochs": 0, "network_epochs": 0, "view_epochs": 0}
CACHES = ("pairs-train.safetensors", "pairs-val.safetensors")


@pytest.fixture(scope="module")
def splits():
    """Three and three drawn studies, to the stage as good as real ones."""
    drawn = [replace(s, key=f"study-{s.key}", patient=f"study-{s.key}") for s in draw_phantoms(6, 5)]
    return {"train": drawn[:3], "val": drawn[3:]}


@pytest.fixture(autouse=True, scope="module")
def _dataset(splits):
    """The drawn studies as a dataset, of few pairs a large share in validation, registered by one child process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_training, "_VAL_SHARE", 4)
        patch.setattr(pair_training.os, "sched_getaffinity", lambda _: {0})
        patch.setitem(READERS, "drawn", lambda directory, split: splits[split])
        yield


@pytest.fixture(scope="module")
def init(tmp_path_factory):
    return start_weights(tmp_path_factory.mktemp("start") / "init", metrics={"example_f1": 0.5})


def options(out, init, **changes):
    chosen = {"pair_epochs": 2, "batch": 4, "phantom_pairs": 4, "film_pairs": 1, **ALONE, **changes}
    return train_options(out, dataset="drawn", init=init, command="cxrreport train", **chosen)


@pytest.fixture(scope="module")
def finished(init, tmp_path_factory):
    """A whole run, and its lines of metrics."""
    out, lines = tmp_path_factory.mktemp("run"), []
    train(options(out, init), lines.append)
    return out, lines


def with_pairs_of(run, out):
    """A new run directory that has the pairs of another run already."""
    out.mkdir()
    for name in CACHES:
        shutil.copyfile(run / name, out / name)
    return out


def test_pairs_of_every_kind_are_drawn_registered_and_kept(finished):
    out, lines = finished
    train_pairs, val_pairs = (kept_pairs(out / name, None, read_facts(out / name)) for name in CACHES)
    assert {PLACES[i] for i in train_pairs.place.tolist()} == {"phantom", "inserted"}
    assert {PLACES[i] for i in val_pairs.place.tolist()} == {"phantom", "inserted", "identical"}
    assert val_pairs.registered[val_pairs.place == PLACES.index("identical")].all()
    told = next(line for line in lines if line["stage"] == "pairs")
    assert (told["train"], told["val"]) == (len(train_pairs), len(val_pairs)) and told["registered"] > 0.5


def read_facts(path):
    with open(path, "rb") as file:
        return json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]


def test_the_stage_adds_a_file_and_leaves_the_other_weights_as_they_are(finished, init):
    out, lines = finished
    before, manifest = read_manifest(init)["files"], read_manifest(out / "best")
    assert (
        set(manifest["files"]) - set(before) == {"temporal.safetensors"} and before.items() <= manifest["files"].items()
    )
    assert load_weights(out / "best").temporal is not None and manifest["metrics"] == {"example_f1": 0.5}
    card = manifest["temporal"]
    assert card["command"] == "cxrreport train" and card["seed"] == 9233 and "procedural pairs" in card["data"]
    assert card["recipe"]["phantom_pairs"] == 4
    assert {"split", "strictness", "steadiness", "pair_selection", "false_change"} <= set(card["metrics"])
    assert [line["epoch"] for line in lines if line["stage"] == "temporal"] == [1, 2]
    assert "study-" not in json.dumps(manifest)


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(finished, tmp_path, init, monkeypatch):
    cut = with_pairs_of(finished[0], tmp_path / "cut")
    monkeypatch.setattr(pair_training, "encode_pairs", lambda *_: pytest.fail("the pairs of the run are kept"))
    with pytest.raises(KeyboardInterrupt):
        train(options(cut, init), kill_at("temporal"))
    lines, again = [], []
    best = train(options(cut, init), lines.append)
    assert read_manifest(best)["files"] == read_manifest(finished[0] / "best")["files"]
    train(options(cut, init), again.append)
    assert lines and not again  # a finished run does nothing


@pytest.mark.parametrize(("part", "kept"), [("view_epochs", True), ("network_epochs", False), ("towers_epochs", False)])
def test_weights_that_compare_keep_it_where_the_network_stays(finished, tmp_path, part, kept):
    other = train(
        options(tmp_path / "run", finished[0] / "best", pair_epochs=0, **{**ALONE, part: 1}), lambda facts: None
    )
    assert ("temporal.safetensors" in read_manifest(other)["files"]) == kept


def test_what_compares_is_fine_tuned_from_what_the_first_weights_have(finished, tmp_path):
    out, first = with_pairs_of(finished[0], tmp_path / "run"), finished[0] / "best"
    best = train(options(out, first, pair_epochs=1, pair_lr=1e-6), lambda facts: None)
    more, before = (load_weights(place).temporal.state_dict() for place in (best, first))
    name = "fam.projection.0.weight"
    assert (more[name] - before[name]).abs().max() < 1e-3


def test_pairs_that_nothing_can_be_chosen_by_are_refused(tmp_path, init, monkeypatch):
    noise = {"train": random_samples(2, 1, "train"), "val": random_samples(2, 2, "val")}  # where no lungs are found
    monkeypatch.setitem(READERS, "drawn", lambda directory, split: noise[split])
    with pytest.raises(UsageError, match="not enough pairs"):
        train(options(tmp_path / "run", init, phantom_pairs=2), lambda facts: None)


def test_another_number_of_pairs_is_another_run(finished, init):
    with pytest.raises(UsageError, match="phantom_pairs"):
        train(options(finished[0], init, phantom_pairs=9), lambda facts: None)


def test_no_patient_is_in_training_and_validation_pairs(tmp_path, init, monkeypatch, splits):
    def once(samples, *_):
        return (
            PairSample(s.key, s.patient, *[s.pixels[0]] * 2, *[s.positive] * 3, s.states, (), None) for s in samples
        )

    monkeypatch.setattr(pair_training, "inserted_pairs", once)
    monkeypatch.setattr(pair_training, "identical_pairs", once)
    chosen, sources = options(tmp_path / "run", init, phantom_pairs=4), Sources(splits["train"], splits["val"])
    learnt, asked = ([p.patient for p in make(chosen, sources)] for make in (training_pairs, validation_pairs))
    assert len(learnt) == 4 + 3 and len(set(asked)) == 1 + 3 and not set(learnt) & set(asked)


@pytest.mark.parametrize(
    ("most", "limit", "taken"),
    [(4, None, [0, 2, 5, 7]), (0, None, []), (20, None, list(range(10))), (20, 4, [0, 2, 5, 7]), (0, 4, [])],
)
def test_real_pairs_are_taken_evenly(monkeypatch, tmp_path, init, most, limit, taken):
    asked = []
    monkeypatch.setattr(pair_training, "read_follow_ups", lambda *where: asked.append(where) or iter(range(10)))
    monkeypatch.setattr(pair_training, "open_follow_up", lambda one: one)
    collection = {"films": "nih", "films_directory": tmp_path, "limit": limit}
    chosen = options(tmp_path, init, **collection, phantom_pairs=0, follow_ups=most)
    assert list(pair_training.training_pairs(chosen, pair_training.Sources([], []))) == taken
    assert asked == [(tmp_path, "train")]


@pytest.mark.parametrize(
    ("share", "films", "each"), [(0.5, [0, 2], 1), (1, [0, 1, 2, 3], 1), (2, [0, 1, 2, 3], 2), (0, [], 0)]
)
def test_lesions_are_put_into_a_share_of_the_films(monkeypatch, tmp_path, init, share, films, each):
    asked = []
    monkeypatch.setattr(pair_training, "inserted_pairs", lambda *given: asked.append(given) or iter(()))
    samples = random_samples(4)
    chosen = options(tmp_path, init, phantom_pairs=0, film_pairs=float(share))
    assert list(training_pairs(chosen, Sources(samples, []))) == []
    assert asked == [([samples[i] for i in films], each, chosen.recipe.seed)]
