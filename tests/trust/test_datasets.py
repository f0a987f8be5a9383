"""`cxrreport calibrate --dataset`: the calibration that stands beside the weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders.calibration import made_up_calibration
from builders.tool import Tool, copy_tree
from builders.training import read_noise
from PIL import Image as PillowImage

from cxrreport.datasets.directory import READERS
from cxrreport.datasets.nih import FILM_READERS, IMAGE_READERS, Film, LabelledImage
from cxrreport.datasets.sample import LeftOut
from cxrreport.errors import UsageError, WeightsError
from cxrreport.files import write_json
from cxrreport.model.manifest import NETWORK, read_manifest
from cxrreport.model.reference import REFERENCE
from cxrreport.model.weights import load_weights, save_weights
from cxrreport.records import View
from cxrreport.trust.datasets import undo_weights, write_calibration


def _films(_: Path, split: str) -> list[LabelledImage]:
    samples = [s for s in read_noise(Path(), "train")]
    return [LabelledImage(s.key, s.patient, s.pixels, s.present, s.positive, s.known, View.AP) for s in samples] * (
        split == "val"
    )


def _listed(folder: Path) -> list[Film]:
    """The same films as files."""
    found = []
    for film in _films(folder, "val"):
        path = folder / f"{film.key}.png"
        PillowImage.fromarray(film.pixels[0]).save(path)
        found.append(Film(film.key, film.patient, path, film.positive, film.known, film.view, "", None, len(found) + 1))
    return found


@pytest.fixture
def own(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the weights to calibrate."""
    monkeypatch.setitem(READERS, "noise", read_noise)
    monkeypatch.setitem(IMAGE_READERS, "noise", _films)
    monkeypatch.setitem(FILM_READERS, "noise", lambda _, split: _listed(tmp_path) if split == "val" else [])
    monkeypatch.setattr("cxrreport.trust.reference._PHANTOMS", 3)
    return copy_tree(weights, tmp_path / "own")


def test_everything_is_fitted_by_one_command_and_the_weights_stay_the_same(
    tool: Tool, weights: Path, own: Path
) -> None:
    line = (
        "calibrate",
        "--dataset",
        "noise",
        "/data",
        "--films",
        "noise",
        "/films",
        "--weights",
        own,
        "--device",
        "cpu",
    )
    found = tool.json(*line)
    loaded = load_weights(own)
    assert loaded.sha256 == load_weights(weights).sha256
    assert loaded.reference is not None and loaded.reference.sha256 == found["reference"]
    assert loaded.calibration is not None and loaded.calibration.sha256 == found["sha256"]
    assert [one["name"] for one in found["data"]] == ["noise val", "noise val"]
    assert found["data"][1]["films"] == 12 and set(found["reliability"]["noise val"]["mean"]) == {"ece", "brier"}
    assert found["findings"]["edema"]["ap"]["films"] == 12  # the films' view is known, that of the dataset is not
    assert tool.json(*line)["sha256"] == found["sha256"] and found["skipped"] == {}


def test_of_several_devices_the_first_is_taken(tool: Tool, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a configuration names them for `generate`."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setenv("CXRREPORT_DEVICE", "cuda:0,cuda:1")
    found = tool.json("calibrate", "--dataset", "noise", "/data", "--weights", own, code=69)
    assert found["error"]["code"] == "device.missing"


def test_what_the_dataset_leaves_out_is_told(tool: Tool, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = LeftOut(90, "report.empty")
    monkeypatch.setitem(READERS, "noise", lambda place, split: [*read_noise(place, split), gone])
    line = ("calibrate", "--dataset", "noise", "/data", "--weights", own, "--device", "cpu")
    assert tool.json(*line)["skipped"] == {"report.empty": 1}
    assert tool(*line) == 0 and "Left out of the dataset: report.empty 1." in tool.out


def test_a_calibration_that_is_not_the_one_of_the_weights_is_refused(own: Path) -> None:
    network = json.loads((own / "manifest.json").read_text())["files"][NETWORK]
    write_calibration(own, made_up_calibration(network))
    assert load_weights(own).calibration == made_up_calibration(network)
    (own / "calibration.json").write_bytes(made_up_calibration("2" * 64).content)
    with pytest.raises(WeightsError) as refused:
        load_weights(own)
    assert refused.value.code == "calibration.other"


def test_a_fit_of_the_weights_is_taken_back(tool: Tool, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the weights that are installed too: nobody names them."""
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(own))
    assert tool.json("calibrate", "--undo", "weights", code=2)["error"]["code"] == "calibration.none"
    before = made_up_calibration(json.loads((own / "manifest.json").read_text())["files"][NETWORK])
    write_calibration(own, before)
    calibrated = {path.name: path.read_bytes() for path in own.iterdir()}
    found = tool.json("calibrate", "--dataset", "noise", "/data")
    assert load_weights(own).calibration != before
    assert tool.json("calibrate", "--undo", "weights")["sha256"] == before.sha256 != found["sha256"]
    assert load_weights(own).reference is not None  # the groups of training films rest on no calibration, and stay
    (own / REFERENCE).unlink()
    manifest = {name: value for name, value in read_manifest(own).items() if name != "reference"}
    write_json(own / "manifest.json", manifest, indent=1)
    assert {path.name: path.read_bytes() for path in own.iterdir()} == calibrated
    tool.json("calibrate", "--undo", "weights", code=2)


def test_a_fit_of_the_network_before_is_not_taken_back(own: Path) -> None:
    network = json.loads((own / "manifest.json").read_text())["files"][NETWORK]
    write_calibration(own, made_up_calibration("2" * 64))
    write_calibration(own, made_up_calibration(network))
    with pytest.raises(UsageError) as refused:
        undo_weights(own)
    assert refused.value.code == "calibration.network" and load_weights(own).calibration == made_up_calibration(network)


def test_weights_that_are_trained_further_are_not_calibrated_any_more(own: Path, tmp_path: Path) -> None:
    network = json.loads((own / "manifest.json").read_text())["files"][NETWORK]
    write_calibration(own, made_up_calibration(network))
    w = load_weights(own)
    save_weights(tmp_path / "next", w.network, w.views, w.tokenizer, dict(w.manifest))
    assert load_weights(tmp_path / "next").calibration is None
