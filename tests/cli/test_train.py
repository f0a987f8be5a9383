"""`train` and `evaluate` on a dataset of noise: what they write and print, and what they refuse."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from builders.network import VOCABULARY, random_films, write_bert
from builders.ranks import run_ranks
from builders.resnet import tiny_state
from builders.tool import Tool
from builders.training import SPLITS, read_noise
from cxrreport.cli.main import call
from safetensors.torch import save_file

from cxrreport.datasets.directory import READERS
from cxrreport.datasets.nih import IMAGE_READERS
from cxrreport.datasets.sample import make_sample
from cxrreport.model.manifest import default_directory
from cxrreport.model.weights import load_weights
from cxrreport.training import start, trainer
from cxrreport.training.options import TrainOptions
from cxrreport.training.recipes import shipped_recipes

TINY = shipped_recipes()["tiny"].read_text()


@pytest.fixture(autouse=True)
def _dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "noise", read_noise)
    monkeypatch.setattr(start, "load_vocabulary", lambda: VOCABULARY)


def train(tool: Tool, out: Path, *more: str) -> int:
    recipe = () if "--recipe" in more else ("--recipe", "tiny")
    return tool("train", "--dataset", "noise", "/data", "--out", out, "--device", "cpu", *recipe, *more)


def recipe(folder: Path, **keys: object) -> tuple[str, str]:
    """The option of a tiny recipe with other keys."""
    kept = [line for line in TINY.splitlines() if line.split(" ")[0] not in keys]
    path = folder / "mine.toml"
    path.write_text("\n".join([*kept, *(f"{name} = {json.dumps(value)}" for name, value in keys.items())]))
    return "--recipe", str(path)


def test_training_tells_every_epoch_and_prints_where_the_weights_are(tool: Tool, tmp_path: Path) -> None:
    assert train(tool, tmp_path / "run", *recipe(tmp_path, licence="for tests")) == 0, tool.err
    assert tool.out == f"{tmp_path / 'run' / 'best'}\n"
    stages = [json.loads(line)["stage"] for line in tool.err.splitlines() if line.startswith("{")]
    assert stages == ["data", "encoder", "towers", "views", "encoded", "network"]
    manifest = load_weights(tmp_path / "run" / "best").manifest
    assert manifest["licence"] == "for tests" and manifest["config"] == "tiny"
    assert train(tool, tmp_path / "run") == 0 and not tool.err
    assert train(tool, tmp_path / "run", *recipe(tmp_path, seed=1)) == 2 and "another seed" in tool.err
    said = _both_say(tmp_path, "train", "--dataset", "noise", "/data", "--out", tmp_path / "run", *recipe(tmp_path))
    assert said == [f"{tmp_path / 'run' / 'best'}\n", ""]


def _both_say(folder: Path, *arguments: object) -> list[str]:
    """What each of two processes prints that torchrun started."""

    def work() -> None:
        with (folder / os.environ["RANK"]).open("w") as out, contextlib.redirect_stdout(out):
            assert call([str(word) for word in arguments]) == 0

    assert run_ranks(2, work) == [0, 0]
    return [(folder / rank).read_text() for rank in "01"]


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize(("name", "said"), [("mimic", "Known datasets"), ("iu-xray", "no studies.csv")])
def test_a_dataset_that_is_not_there(tool: Tool, tmp_path: Path, command: str, name: str, said: str) -> None:
    out = ["--out", tmp_path / "run"] if command == "train" else []
    assert tool(command, "--dataset", name, tmp_path, *out) == 2
    assert said in tool.err and str(tmp_path) not in tool.err


def test_images_that_are_not_there(tool: Tool, tmp_path: Path) -> None:
    assert train(tool, tmp_path / "run", "--films", "mimic", str(tmp_path)) == 2 and "Known films: nih" in tool.err
    assert train(tool, tmp_path / "run", "--films", "nih", str(tmp_path)) == 2 and "no labels.csv" in tool.err
    assert str(tmp_path) not in tool.err


def test_the_recorded_command_names_no_directory(
    tool: Tool, tmp_path: Path, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IMAGE_READERS, "drawn", lambda _directory, _split: random_films(1))
    encoder, bert = files
    starts = ("--encoder-weights", str(encoder), "--bert", str(bert))
    more = ("--films", "drawn", "/data/films", *starts, *recipe(tmp_path, towers_lr=1e-4))
    line = ["cxrreport", "train", "--dataset", "noise", "/data", *more, "--out", str(tmp_path / "run")]
    monkeypatch.setattr("sys.argv", line)
    assert train(tool, tmp_path / "run", *more) == 0, tool.err
    manifest = load_weights(tmp_path / "run" / "best").manifest
    assert manifest["command"] == (
        "cxrreport train --dataset noise NOISE --films drawn DRAWN --encoder-weights ENCODER_WEIGHTS --bert BERT"
        " --recipe RECIPE --out RUN"
    )
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (encoder, bert / "model.safetensors")]
    assert all(digest in manifest["data"] for digest in digests)
    options = json.loads((tmp_path / "run" / "options.json").read_text())
    assert (options["films"], options["films_directory"], options["towers_lr"]) == ("drawn", "/data/films", 1e-4)


@pytest.fixture()
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An encoder and a BERT for the tiny network."""
    save_file(tiny_state(), tmp_path / "encoder.safetensors")
    return tmp_path / "encoder.safetensors", write_bert(tmp_path / "bert")


def test_starts_that_cannot_be(tool: Tool, tmp_path: Path, weights: Path, files: tuple[Path, Path]) -> None:
    encoder, bert = files
    (tmp_path / "resnet.pth").write_bytes(pickle.dumps({"conv1.weight": 1}))
    assert train(tool, tmp_path / "run", "--encoder-weights", str(tmp_path / "resnet.pth")) == 78
    assert "[weights.format]" in tool.err and "save_file" in tool.err and not (tmp_path / "run").exists()
    assert train(tool, tmp_path / "run", "--bert", str(tmp_path)) == 78 and "[weights.missing]" in tool.err
    for more in (("--encoder-weights", str(encoder)), ("--bert", str(bert))):
        assert train(tool, tmp_path / "init", "--init", str(weights), *more) == 2 and "have their parts" in tool.err
    assert not (tmp_path / "init").exists()


def test_studies_of_one_patient_are_refused_before_anything_is_trained(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SPLITS, "train", [replace(s, patient="one") for s in SPLITS["train"]])
    assert train(tool, tmp_path / "run") == 2
    assert "[usage.few_studies]" in tool.err and "12 (patients: 1) and 6" in tool.err
    assert not (tmp_path / "run").exists()  # a later try with other options may have the place


@pytest.mark.parametrize("text", ["Unremarkable.", "The heart is enlarged."])
def test_studies_that_all_say_the_same(tool: Tool, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any finding, or with one that all have, there is still a network to train."""
    for split, samples in SPLITS.items():
        alike = [make_sample(s.key, s.patient, list(s.pixels), text, "") for s in samples]
        monkeypatch.setitem(SPLITS, split, alike[:2] if split == "train" else alike[:1])
    assert train(tool, tmp_path / "run") == 0, tool.err
    load_weights(tmp_path / "run" / "best")


def test_a_run_directory_that_cannot_be_written(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert train(tool, tmp_path / "file" / "run") == 74
    assert "Not a directory" in tool.err and str(tmp_path) not in tool.err


def test_the_shipped_weights_are_what_default_starts_from(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainOptions] = []
    monkeypatch.setattr(trainer, "train", lambda options, *_: seen.append(options) or tmp_path)
    assert tool("train", "--out", tmp_path / "run", "--init", "default", "--recipe", "pairs") == 0, tool.err
    assert seen[0].init == default_directory() and seen[0].recipe.size == "mini" and seen[0].compares_alone
