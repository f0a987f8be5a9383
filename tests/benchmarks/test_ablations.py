"""The benchmark of the ablations on a tiny network: alike starts, runs that are not run again."""

import pytest
import torch
from builders.network import random_samples, tiny_weights

from benchmarks import ablations
from benchmarks.tables import read_rows
from cxrreport.datasets.directory import READERS
from cxrreport.model.weights import load_weights, save_weights

SPLITS = {name: random_samples(count, seed, name) for seed, (name, count) in enumerate({"train": 12, "val": 6, "test": 5}.items())}  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    made, directory = tiny_weights(), tmp_path_factory.mktemp("weights") / "tiny"
    save_weights(directory, made.network, made.views, made.tokenizer, {})
    return directory


@pytest.fixture(autouse=True)
def _dataset(monkeypatch):
    monkeypatch.setitem(READERS, "iu-xray", lambda directory, split: list(SPLITS[split]))


def _run(start, out, *more):
    line = ["/nowhere", "--init", start, "--out", out, "--epochs", "2", "--batch", "4", "--beams", "1", *more]
    ablations.main([str(word) for word in line])


def test_runs_are_alike_but_for_their_flags_and_are_not_run_again(start, tmp_path, capsys, monkeypatch):
    chosen = ("--only", "full", "promptmrg", "--seeds", "1", "--test", "--decoder-layers", "1")
    _run(start, tmp_path, *chosen)
    assert "full-1: best epoch" in capsys.readouterr().out
    rows = read_rows(tmp_path / "ablations.csv")
    assert [(r["name"], r["split"], r["studies"]) for r in rows] == [
        ("full", "val", "6"), ("full", "test", "5"), ("promptmrg", "val", "6"), ("promptmrg", "test", "5"),
    ]  # fmt: skip
    for row in rows:
        assert row["train"] == "12" and float(row["seconds"]) > 0 and row["best_epoch"] in "12"
        assert float(row["mean_auc"]) >= 0 and bool(row["selection"]) == (row["split"] == "val")

    def never(*_):
        raise AssertionError("run again")

    monkeypatch.setattr(ablations, "run", never)
    _run(start, tmp_path, *chosen)
    summary = capsys.readouterr().out
    assert "best epoch 1" not in summary and "best epoch 2" not in summary and "### Test, minus `full`" in summary
    with pytest.raises(SystemExit, match="other settings"):
        _run(start, tmp_path, *chosen, "--lr", "0.1")


def test_a_run_starts_from_the_language_model_and_leaves_the_rest_random(start):
    base = load_weights(start)
    network = ablations.build(base, "full", 1, None)
    own, old = network.state_dict(), base.network.state_dict()
    for key in own:
        taken = key.startswith(("encoder.", "retrieval.")) or (
            key.startswith("decoder.") and "crossattention" not in key
        )
        if taken:
            assert torch.equal(own[key], old[key]), key
    assert not torch.equal(own["classifier.linear.weight"], old["classifier.linear.weight"])
    crossing = [key for key in own if "crossattention.self.query.weight" in key]
    assert crossing and not any(torch.equal(own[key], old[key]) for key in crossing)
    again = ablations.build(base, "full", 1, None)
    other = ablations.build(base, "full", 2, None)
    weight = "classifier.linear.weight"
    assert torch.equal(again.state_dict()[weight], own[weight]) and not torch.equal(
        other.state_dict()[weight], own[weight]
    )
    assert network.config.thresholds is None and network.decoder.lm is not base.network.decoder.lm


@pytest.mark.parametrize("content", ["name,seed\nfull,1\n", "name,split,studies\nfull,val,6\n"])
def test_damaged_runs_are_one_sentence(start, tmp_path, content):
    (tmp_path / "ablations.csv").write_text(content)
    with pytest.raises(SystemExit, match=r"^ablations\.csv is damaged or of runs with other settings"):
        _run(start, tmp_path, "--only", "full", "--seeds", "1")


def test_what_cannot_be_is_one_sentence(start, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="manifest"):
        _run(tmp_path / "none", tmp_path)
    with pytest.raises(SystemExit, match="does not exist here"):
        _run(start, tmp_path, "--device", "cuda:99")
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"--out cannot be made: File exists\.$"):
        _run(start, tmp_path / "file")
    monkeypatch.setitem(SPLITS, "val", [])
    with pytest.raises(SystemExit, match="no study for val"):
        _run(start, tmp_path)
