"""`evaluate` on a dataset of noise: what it prints and writes, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders.calibration import made_up_calibration
from builders.chexbert import tiny_checkpoint, write_chexbert
from builders.tool import Tool, build_weights, copy_tree
from builders.training import SPLITS, read_noise

from cxrreport.datasets.directory import READERS
from cxrreport.datasets.sample import LeftOut
from cxrreport.evaluation import evaluate as evaluation
from cxrreport.evaluation.candidates import ALONE, BASELINES, NORMAL, SILENT
from cxrreport.findings import PATHOLOGY
from cxrreport.model import prose
from cxrreport.model.weights import load_weights
from cxrreport.trust.datasets import write_calibration

ROWS = {"cxrreport", *BASELINES}


@pytest.fixture(autouse=True)
def _dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "noise", read_noise)
    monkeypatch.setitem(READERS, "iu-xray", read_noise)
    monkeypatch.setattr(
        evaluation, "score_meteor", lambda *_: ({}, "not measured: a test")
    )  # Java takes seconds to start
    monkeypatch.setattr(prose, "_RUNAWAY", re.compile("(?!)"))  # random weights lose themselves in every draft


def flags(weights: Path, *more: str | Path, dataset: str = "noise") -> tuple[str | Path, ...]:
    return ("evaluate", "--dataset", dataset, "/data", "--weights", weights, "--beams", "1", "--device", "cpu", *more)


def evaluate(tool: Tool, weights: Path, *more: str | Path, dataset: str = "noise") -> Any:
    return tool.json(*flags(weights, *more, dataset=dataset))


def test_the_document_names_what_was_measured_and_how(tool: Tool, weights: Path) -> None:
    found = evaluate(tool, weights)
    facts = ("protocol", "dataset", "split", "studies", "skipped", "bank", "beams", "limit")
    assert [found[fact] for fact in facts] == ["C", "noise", "test", 4, {}, 12, 1, None]
    assert found["bootstrap"] == {"draws": 1000, "level": 0.95, "seed": 0}
    assert found["weights_sha256"] == load_weights(weights).sha256
    assert found["weights"]["name"] == "random 7" and found["weights"]["network"]["retrieved"] == 5
    assert not {"label_prior", "thresholds"} & set(found["weights"]["network"])
    assert found["labels"].startswith("rules-") and found["published"] == [] and found["notes"] == []
    assert sum(found["positives"].values()) > 0 and found["flags"]["invalid"] <= 4


def test_what_a_dataset_leaves_out_is_told(tool: Tool, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = [LeftOut(90, "report.empty"), LeftOut(91, "report.empty"), LeftOut(92, "film.missing")]
    monkeypatch.setitem(READERS, "noise", lambda place, split: [*read_noise(place, split), *gone])
    assert evaluate(tool, weights)["skipped"] == {"film.missing": 1, "report.empty": 2}
    assert tool(*flags(weights)) == 0 and "Left out of the dataset: film.missing 1, report.empty 2." in tool.out


def test_drafts_are_scored_beside_every_baseline_with_intervals(tool: Tool, weights: Path) -> None:
    found = evaluate(tool, weights)
    assert set(found["rows"]) == set(found["intervals"]) == set(found["findings"]) == ROWS
    assert set(found["differences"]) == set(BASELINES)
    for name, row in found["rows"].items():
        assert row["meteor"] is None and 1 <= row["distinct"] <= 4
        for metric, (low, high) in found["intervals"][name].items():
            assert low <= high, metric
        low, high = found["intervals"][name]["example_f1"]
        assert low <= row["example_f1"] <= high
    assert found["meteor"].startswith("not measured")
    copied = {name: row["copied_share"] for name, row in found["rows"].items()}
    assert (
        all(copied[name] == 1 for name in BASELINES if name not in (ALONE, SILENT, NORMAL)) and copied["cxrreport"] < 1
    )
    difference = found["differences"]["constant report"]["bleu_1"]
    ours, theirs = (found["rows"][name]["bleu_1"] for name in ("cxrreport", "constant report"))
    assert difference["difference"] == pytest.approx(ours - theirs) and difference["low"] <= difference["high"]


def test_part_of_the_train_split_is_scored_against_the_whole_bank(tool: Tool, weights: Path) -> None:
    found = evaluate(tool, weights, "--split", "train", "--limit", "3")
    assert (found["studies"], found["bank"], found["limit"]) == (3, 12, 3) and "part of the split" in found["notes"][0]
    assert found["rows"]["nearest report by text"]["bleu_4"] < 1  # its own report is not retrieved
    assert found["rows"]["nearest report by image"]["bleu_4"] < 1


def test_other_weights_stand_beside_in_rows_of_their_own(tool: Tool, weights: Path, tmp_path: Path) -> None:
    other = build_weights(tmp_path / "other", seed=3)
    found = evaluate(tool, weights, "--beside", f"PromptMRG-equivalent={other}", "--beside", f"same={weights}")
    assert set(found["rows"]) == ROWS | {"PromptMRG-equivalent", "same"}
    assert found["rows"]["same"] == found["rows"]["cxrreport"]
    assert {d["high"] for d in found["differences"]["same"].values()} == {0.0}
    assert found["rows"]["PromptMRG-equivalent"] != found["rows"]["cxrreport"]
    assert found["beside"]["PromptMRG-equivalent"]["sha256"] == load_weights(other).sha256


@pytest.mark.parametrize("beside", ["constant report=/w", "cxrreport=/w", "=/w", "name", "name=", "same=/w same=/w"])
def test_names_of_rows_that_cannot_be(tool: Tool, weights: Path, beside: str) -> None:
    named = [word for part in re.split(" (?=same)", beside) for word in ("--beside", part)]
    assert tool(*flags(weights, *named)) == 2 and "--beside" in tool.err


def test_published_rows_stand_beside_protocol_r_on_the_whole_test_split_alone(tool: Tool, weights: Path) -> None:
    rows = evaluate(tool, weights, "--protocol", "R", dataset="iu-xray")["published"]
    assert rows[0]["model"].startswith("R2Gen") and rows[0]["source"]
    for more in (("--protocol", "C"), ("--protocol", "R", "--limit", "3"), ("--protocol", "R", "--split", "val")):
        assert evaluate(tool, weights, *more, dataset="iu-xray")["published"] == []
    assert evaluate(tool, weights, "--protocol", "R")["published"] == []


def test_chexbert_labels_where_its_weights_are(tool: Tool, weights: Path, tmp_path: Path) -> None:
    rules = evaluate(tool, weights)
    chexbert = write_chexbert(tmp_path / "chexbert", tiny_checkpoint())
    found = evaluate(tool, weights, "--chexbert", chexbert)
    assert found["labels"] == "chexbert" and found["findings"] != rules["findings"]
    assert found["rows"]["cxrreport"]["bleu_1"] == rules["rows"]["cxrreport"]["bleu_1"]
    assert tool(*flags(weights, "--chexbert", tmp_path)) == 78 and "CheXbert" in tool.err


def test_numbers_and_texts_go_to_files(tool: Tool, weights: Path, tmp_path: Path) -> None:
    drafts = tmp_path / "drafts.csv"
    found = evaluate(tool, weights, "--out", tmp_path / "e.json", "--texts", drafts)
    assert json.loads((tmp_path / "e.json").read_text()) == found
    with drafts.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["study"] for row in rows] == [s.key for s in SPLITS["test"]]
    assert [row["reference"] for row in rows] == [s.report for s in SPLITS["test"]]
    assert set(rows[0]) == {"study", "reference"} | ROWS and all(row["cxrreport"] for row in rows)
    assert not any(row["reference"] in (tmp_path / "e.json").read_text() for row in rows)
    assert evaluate(tool, weights, "--out", tmp_path)
    assert json.loads((tmp_path / "evaluation-noise-test-C.json").read_text()) == found


@pytest.mark.parametrize("option", ["--out", "--texts"])
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    tool: Tool, weights: Path, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(READERS, "noise", lambda *_: pytest.fail("read before its places were looked at"))
    (tmp_path / "file").write_text("as it was")
    for place in ("none/e", "file/e"):
        assert tool(*flags(weights, option, tmp_path / place)) == 74
        assert f"{option} cannot be written" in tool.err and str(tmp_path) not in tool.err
    assert tool(*flags(weights, "--texts", tmp_path)) == 74 and "--texts cannot be written: Is a directory" in tool.err
    assert [p.name for p in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "as it was"


def test_work_that_fails_leaves_no_files(tool: Tool, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("as it was")
    for texts in ("new.csv", "old.csv"):
        places = ("--out", tmp_path / "e.json", "--texts", tmp_path / texts)
        assert tool(*flags(weights, *places, dataset="none")) == 2 and "Known datasets" in tool.err
        assert tool(*flags(tmp_path, *places)) == 78
    assert [p.name for p in tmp_path.iterdir()] == ["old.csv"] and (tmp_path / "old.csv").read_text() == "as it was"


def test_evaluation_prints_tables_for_a_person(tool: Tool, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert tool(*flags(weights, "--protocol", "R", dataset="iu-xray")) == 0
    assert " ".join(tool.out.split()).count("iu-xray test, 4 studies, protocol R, beams 1") == 11
    for said in (
        "bleu 1",
        "minus constant report",
        "nearest report by image",
        "Published, not run by us",
        "R2GenCMN",
        "not measured",
        "95 %",
    ):
        assert said in tool.out


def test_subgroups_are_what_is_known_of_the_studies(tool: Tool, weights: Path) -> None:
    rows = {(row["by"], row["group"]): row for row in evaluate(tool, weights)["subgroups"]}
    assert rows["collection", "noise"]["films"] == 4
    views = {
        "frontal and lateral" if s.present.all() else "frontal" if s.present[0] else "lateral" for s in SPLITS["test"]
    }
    assert {group for by, group in rows if by == "view"} == {", ".join(sorted(views))}  # too few to stand alone
    positives = sum(s.positive[PATHOLOGY].sum() for s in SPLITS["test"])
    assert rows["collection", "noise"]["missed"]["positives"] == positives > 0


def test_reliability_is_told_and_drawn_before_and_after(tool: Tool, weights: Path, tmp_path: Path) -> None:
    own = copy_tree(weights, tmp_path / "own")
    calibrated = made_up_calibration(json.loads((own / "manifest.json").read_text())["files"]["model.safetensors"])
    write_calibration(own, calibrated)
    plain, found = evaluate(tool, weights)["reliability"], evaluate(tool, own, "--curves", tmp_path)["reliability"]
    assert plain["mean"]["brier"]["before"] == plain["mean"]["brier"]["after"] == found["mean"]["brier"]["before"]
    assert found["mean"]["brier"]["after"] != found["mean"]["brier"]["before"]
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert tool(*flags(weights, "--curves", tmp_path / "nowhere")) == 2
