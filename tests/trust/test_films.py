"""`cxrreport evaluate --films` on films of noise: the tables of drafts, read beside labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.calibration import made_up_calibration
from builders.films import collection
from builders.network import random_samples
from builders.tool import Tool, copy_tree
from builders.training import SPLITS, read_noise

from cxrreport.datasets.directory import READERS
from cxrreport.datasets.nih import open_film, read_nih_films
from cxrreport.datasets.splits import drawn
from cxrreport.drafting.drafter import open_drafter
from cxrreport.drafting.table import film_rows
from cxrreport.evaluation.films import finding_rows
from cxrreport.findings import State
from cxrreport.log import unwatched
from cxrreport.model.manifest import NETWORK
from cxrreport.model.weights import load_weights
from cxrreport.records import PreparedStudy
from cxrreport.trust import films as module
from cxrreport.trust.datasets import write_calibration
from cxrreport.trust.films import FilmOptions, evaluate_films, judge

VAL, HELD = "6", "11"  # patients
FILMS = [
    ("a", VAL, "40", "F", "AP", "Effusion"), ("b", VAL, "41", "F", "PA", "No Finding"), ("c", VAL, "7", "M", "PA", "Mass"),
    ("d", VAL, "42", "F", "", "Edema|Effusion"), ("e", HELD, "50", "M", "PA", "No Finding"),
]  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = collection(tmp_path / "films", FILMS, [(VAL, "a", "b"), (VAL, "b", "d")])
    header = "id,fracture,pneumothorax,airspace_opacity,nodule_or_mass"
    (made / "expert_labels.csv").write_text(f"{header}\na,0,0,1,0\nb,0,1,0,0\ne,0,0,0,0\n")
    return made


@pytest.fixture
def own(weights: Path, tmp_path: Path) -> Path:
    """A calibrated copy of the weights."""
    made = copy_tree(weights, tmp_path / "own")
    network = json.loads((made / "manifest.json").read_text())["files"][NETWORK]
    write_calibration(made, made_up_calibration(network))
    return made


def line(directory: Path, own: Path, *more: str | Path) -> tuple[str | Path, ...]:
    return ("evaluate", "--films", "nih", directory, "--weights", own, "--device", "cpu", "--split", "val", *more)


def evaluate(tool: Tool, *arguments: Any) -> Any:
    return tool.json(*line(*arguments))


def test_the_document_names_what_was_measured(tool: Tool, directory: Path, own: Path) -> None:
    found = evaluate(tool, directory, own)
    facts = ("films", "split", "count", "patients", "limit", "bank")
    assert [found[fact] for fact in facts] == ["nih", "val", 3, 1, None, None]
    assert "1 films of patients under 18" in found["notes"][0] and found["followups"] is None  # it compares no pairs
    assert set(found["findings"]) == {"pleural effusion", "edema"} and found["mean_auc"]["value"] is None
    assert {view: row["films"] for view, row in found["false_alarms"].items()} == {"ap": 0, "pa": 1, "unknown": 0}
    assert {row["by"] for row in found["subgroups"]} == {"sex", "age", "view", "collection"}
    assert found["experts"]["airspace_opacity"]["films"] == 2 and found["experts"]["pneumothorax"]["positives"] == 1


def test_states_are_those_of_the_table_of_a_draft(directory: Path, own: Path) -> None:
    drafter = open_drafter(load_weights(own))
    films = list(read_nih_films(directory, "val"))
    nothing = np.zeros((1, drafter.retrieved, drafter.dimension), np.float32)
    told = []
    for film in films:
        features = drafter.encode([PreparedStudy(open_film(film).pixels[0])])
        told += drafter.read_states(features, nothing, np.zeros(nothing.shape[:2], bool))
    tables = [
        film_rows(states, drafter.weights.calibration, film.view) for states, film in zip(told, films, strict=True)
    ]
    assert drafter.weights.calibration is not None
    judged = judge(films, np.array([states.scores for states in told]), drafter.weights.calibration)
    assert judged.called.tolist() == [[row.state is State.POSITIVE for row in table] for table in tables]
    adults = judged.take(np.array([film.age != 7 for film in films]))
    found = evaluate_films(FilmOptions("nih", directory, "val", weights=own, device="cpu"), unwatched)
    for finding, row in finding_rows(adults).items():
        assert found["findings"][finding] == pytest.approx(row, abs=1e-4), finding


def test_reports_are_retrieved_where_a_dataset_gives_them(
    tool: Tool, directory: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(READERS, "noise", read_noise)
    banks, score = [], module.score_collection

    def watched(*arguments: Any) -> Any:
        banks.append(arguments[3])
        return score(*arguments)

    monkeypatch.setattr(module, "score_collection", watched)
    alone = evaluate(tool, directory, own, "--out", tmp_path)
    beside = evaluate(tool, directory, own, "--dataset", "noise", "/data", "--out", tmp_path)
    assert (alone["bank"], beside["bank"]) == (None, "noise train")
    assert banks[0] is None and banks[1].patients == [s.patient for s in SPLITS["train"]]
    assert len(list(tmp_path.glob("scores-nih-val-*.csv"))) == 2


def test_scores_that_are_kept_are_not_made_again(
    tool: Tool, directory: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    part = evaluate(tool, directory, own, "--out", out, "--limit", "2")
    assert part["count"] == 2 and "A part of the split" in " ".join(part["notes"])
    whole = evaluate(tool, directory, own, "--out", out)
    assert json.loads((out / "evaluation-nih-val.json").read_text()) == whole
    assert not any("follow-ups" in note for note in whole["notes"])  # none was compared
    monkeypatch.setattr(module, "open_film", lambda _: pytest.fail("a film was read again"))
    assert evaluate(tool, directory, own, "--out", out) == whole
    assert evaluate(tool, directory, own, "--out", out, "--limit", "2") == part


@pytest.mark.parametrize("change", ["films", "reports", "preprocessing"])
def test_scores_of_other_data_are_not_taken_for_these(
    tool: Tool, directory: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setitem(READERS, "noise", read_noise)
    arguments = (directory, own, "--dataset", "noise", "/data", "--out", tmp_path)
    evaluate(tool, *arguments)
    if change == "films":
        (directory / "labels.csv").write_text((directory / "labels.csv").read_text().replace("Edema|", ""))
    elif change == "reports":
        monkeypatch.setitem(READERS, "noise", lambda *_: random_samples(30, 99, "train"))
    else:
        monkeypatch.setattr(module, "PREPROCESS_VERSION", -1)
    read, score = [], module.score_collection
    monkeypatch.setattr(module, "score_collection", lambda *a: read.append(1) or score(*a))
    evaluate(tool, *arguments)
    assert read


@pytest.mark.parametrize("option", [("--protocol", "C"), ("--beams", "3"), ("--texts", "t.csv")])
def test_options_of_drafts_are_refused_beside_films(tool: Tool, directory: Path, own: Path, option: Any) -> None:
    assert tool(*line(directory, own, *option)) == 2 and f"{option[0]}: of drafts, not of --films" in tool.err


def test_follow_ups_are_of_films(tool: Tool) -> None:
    assert tool("evaluate", "--pairs", "5") == 2 and "--pairs: of --films" in tool.err


def test_who_is_held_out_is_the_test_split(tool: Tool, directory: Path, own: Path) -> None:
    found = tool.json("evaluate", "--films", "nih", directory, "--weights", own, "--device", "cpu")
    assert (found["split"], found["count"]) == ("held out", 1)
    assert not any("follow-ups" in note for note in found["notes"])


def test_films_that_the_calibration_was_fitted_to_are_told_of(directory: Path, own: Path) -> None:
    network = json.loads((own / "manifest.json").read_text())["files"][NETWORK]
    fitted = made_up_calibration(network)
    document = {**fitted.document, "data": [{"name": "nih val", "films": 3, "patients": 1}]}
    write_calibration(own, replace(fitted, document=document, content=json.dumps(document).encode()))
    found = evaluate_films(FilmOptions("nih", directory, "val", weights=own, device="cpu"), unwatched)
    assert any("fitted to these films" in note for note in found["notes"])


def test_what_cannot_be_is_refused(tool: Tool, weights: Path, directory: Path, own: Path, tmp_path: Path) -> None:
    assert tool(*line(directory, weights)) == 2 and "cxrreport calibrate" in tool.err
    assert tool(*line(directory, own, "--texts", tmp_path / "t.csv")) == 2 and "--films" in tool.err
    assert tool(*line(tmp_path, own)) == 2 and "no labels.csv" in tool.err
    assert tool("evaluate", "--films", "other", directory, "--weights", own) == 2 and "Known films: nih" in tool.err
    assert tool(*line(collection(tmp_path / "child", FILMS[2:3]), own)) == 2 and "no film of an adult" in tool.err


def test_tables_are_printed_for_a_person(tool: Tool, directory: Path, own: Path) -> None:
    assert tool(*line(directory, own)) == 0
    for said in ("nih val, 3 films, 1 patients", "Mean AUC -", "Subgroups", "Beside radiologists", "under 18"):
        assert said in tool.out


def test_the_same_few_are_drawn_in_their_order_every_time() -> None:
    keys = [f"k{i}" for i in range(50)]
    few = drawn(keys, keys, 10)
    assert len(few) == 10 and few == sorted(few, key=keys.index) == drawn(keys, keys, 10) != keys[:10]
    assert set(few) <= set(drawn(keys, keys, 20)) and drawn(keys, keys, None) == keys == drawn(keys, keys, 99)
