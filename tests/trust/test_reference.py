"""Groups of training films fitted and put beside the weights by `calibrate`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from builders.tool import Tool, copy_tree
from builders.training import read_noise

from cxrreport.datasets.directory import READERS
from cxrreport.model.manifest import naming, read_manifest
from cxrreport.model.reference import REFERENCE
from cxrreport.model.weights import load_weights, save_weights
from cxrreport.trust.reference import fit

LINE = ("calibrate", "--dataset", "noise", "/data", "--device", "cpu", "--reference-only", "--weights")


@pytest.fixture
def own(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the weights."""
    monkeypatch.setitem(READERS, "noise", read_noise)
    monkeypatch.setattr("cxrreport.trust.reference._PHANTOMS", 3)
    return copy_tree(weights, tmp_path / "own")


def test_one_command_puts_them_beside_the_weights_which_stay_the_same(tool: Tool, weights: Path, own: Path) -> None:
    found = tool.json(*LINE, own)
    loaded = load_weights(own)
    assert loaded.sha256 == load_weights(weights).sha256 and loaded.calibration is None
    assert loaded.reference is not None and loaded.reference.sha256 == found["reference"]
    assert tool.json(*LINE, own)["reference"] == found["reference"]


def test_they_are_left_behind_when_weights_are_written_anew(tool: Tool, own: Path, tmp_path: Path) -> None:
    tool.json(*LINE, own)
    one = load_weights(own)
    save_weights(tmp_path / "next", one.network, one.views, one.tokenizer, one.manifest)
    assert not (tmp_path / "next" / REFERENCE).exists() and load_weights(tmp_path / "next").reference is None
    assert "reference" not in json.loads((tmp_path / "next" / "manifest.json").read_text())


def test_the_bound_holds_the_quantile_of_ordinary_films_each_collection_counting_alike() -> None:
    rng = np.random.default_rng(0)
    groups = {"a": rng.normal(1, 0.2, (80, 20)), "b": rng.normal(-1, 0.2, (40, 20))}
    ordinary = {"few": rng.normal(1, 0.2, (200, 20)), "many": rng.normal(-1, 0.2, (1000, 20))}
    reference = fit(groups, ordinary, "00" * 32)
    beyond = [(reference.distances(films.astype(np.float32)) > 1).mean() for films in ordinary.values()]
    assert np.mean(beyond) == pytest.approx(0.01, abs=0.004)


def test_a_kill_meanwhile_leaves_weights_without_any(own: Path) -> None:
    with suppress(KeyboardInterrupt), naming(own, "reference", "0" * 64):
        raise KeyboardInterrupt
    assert "reference" not in read_manifest(own) and load_weights(own).reference is None
    with naming(own, "reference", "1" * 64):
        pass
    assert read_manifest(own)["reference"] == "1" * 64
