"""Training on the archive of a home: which studies, which split, and what of them is told where."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from builders.dicom import write_dicom
from builders.network import SENTENCES, VOCABULARY
from builders.store import begin_run, save_draft
from builders.tool import ENVIRONMENT, Tool, spotted_chest
from sqlalchemy import text

from cxrreport.datasets.archive import ArchiveReader
from cxrreport.drafts import Review, ReviewStatus
from cxrreport.findings import FINDINGS
from cxrreport.model.weights import load_weights
from cxrreport.pipeline.import_reports import import_reports
from cxrreport.pipeline.run import open_run
from cxrreport.pipeline.scan import scan
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, session
from cxrreport.store.reviews import add_review
from cxrreport.store.standing import standing
from cxrreport.store.training import patient_bucket, split_of
from cxrreport.training import start, trainer

PATIENTS = [f"MRN{number:04}" for number in range(60)]
QUICK = ("--recipe", "tiny")


def expected_split(patient: str) -> str:
    return split_of(patient_bucket("", patient))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Path:
    """A home and its export: sixty patients with one study each, the first three with two, every tenth with a lateral."""
    folder = tmp_path_factory.mktemp("archive")
    home, export, reports = folder / "home", folder / "export", folder / "reports.csv"
    home.mkdir()
    export.mkdir()
    (home / "cxrreport.db").write_bytes(sqlite_template)
    rng, rows = np.random.default_rng(0), []
    for number, patient in enumerate([*PATIENTS, *PATIENTS[:3]]):
        common = {"StudyInstanceUID": f"1.2.{number}", "PatientID": patient, "AccessionNumber": f"ACC{number}"}
        views = ("PA", "LL") if number % 10 == 0 else ("PA",)
        for view in views:
            own = {"SOPInstanceUID": f"1.2.{number}.{len(view)}{view == 'PA':d}", "ViewPosition": view}
            write_dicom(export / f"{number:02}{view}.dcm", spotted_chest(number), **common, **own)
        findings = " ".join(rng.permutation(SENTENCES)[: rng.integers(2, 4)])
        rows.append([f"ACC{number}", patient, findings, "As above."])
    with reports.open("w", newline="") as lines:
        csv.writer(lines).writerows([["accession", "patient_id", "findings", "impression"], *rows])
    with open_run(Settings(home=home)) as run:
        scan(run, [export])
        import_reports(run, [reports], "auto")
        assert run.summary(())["linked"] == 63
    return folder


@pytest.fixture()
def settings(filled: Path, tmp_path: Path) -> Settings:
    """The archive in a home of its own."""
    shutil.copytree(filled / "home", tmp_path / "home")
    return Settings(home=tmp_path / "home", workers=0)


@pytest.fixture()
def change(settings: Settings) -> Callable[..., None]:
    """Change the database by a statement."""

    def apply(statement: str, **values: str) -> None:
        with Tool(settings.home).connection() as connection:
            connection.execute(text(statement), values)

    return apply


def test_every_patient_is_in_one_split_with_all_studies(settings: Settings, filled: Path) -> None:
    read = ArchiveReader(settings)
    splits = {split: read(split) for split in ("train", "val", "test")}
    for split, samples in splits.items():
        others = {s.patient for name, found in splits.items() if name != split for s in found}
        assert samples and not {s.patient for s in samples} & others
    wanted = [expected_split(patient) for patient in [*PATIENTS, *PATIENTS[:3]]]
    assert {split: len(samples) for split, samples in splits.items()} == {s: wanted.count(s) for s in splits}
    assert len({s.key for samples in splits.values() for s in samples}) == 63
    assert not read.skipped.total()


def test_samples_are_made_of_films_report_and_stored_labels(settings: Settings, change: Callable[..., None]) -> None:
    assert expected_split(PATIENTS[0]) == "train"
    labels = dict.fromkeys(FINDINGS, "blank") | {"edema": "uncertain", "no finding": "positive"}
    before = {s.key: s for s in ArchiveReader(settings)("train")}
    change("UPDATE report SET labels = :labels WHERE study_id = 1", labels=json.dumps(labels))
    change("UPDATE report SET labels = '{}' WHERE study_id > 40")
    after = {s.key: s for s in ArchiveReader(settings)("train")}
    assert [int(i) for i in after["1"].states[[4, 13, 0]]] == [3, 1, 0]  # as stored, whatever the text says
    assert int(after["1"].states[2]) == 3  # what edema implies, as drafts are judged
    late = [key for key in before if int(key) > 40]
    assert late and all(np.array_equal(after[key].states, before[key].states) for key in late)  # told from the text
    assert after["1"].present.tolist() == [True, True] and after["2"].present.tolist() == [True, False]
    assert after["1"].pixels.shape == (2, 256, 256) and after["1"].pixels[1].any() and not after["2"].pixels[1].any()
    assert all(s.target.endswith(" .") and s.report[0].isupper() and s.summary == "as above ." for s in after.values())


def test_limit_and_only_choose_among_the_studies(settings: Settings) -> None:
    read = ArchiveReader(settings)
    keys = [s.key for s in read("train")]
    assert [s.key for s in read("train", limit=5)] == keys[:5]
    assert [s.key for s in read("train", only=frozenset(keys[3:6]))] == keys[3:6]
    assert read("val", only=frozenset(keys)) == []


def test_a_study_whose_film_cannot_be_read_is_left_out_and_counted(
    settings: Settings, change: Callable[..., None]
) -> None:
    whole = {split: len(ArchiveReader(settings)(split)) for split in ("train", "val", "test")}
    change("UPDATE image SET path = '/nowhere/' || id WHERE study_id IN (1, 2) AND view = 'pa'")
    change("UPDATE image SET path = '/nowhere/lateral' WHERE view = 'lateral'")
    change("UPDATE report SET findings = 'It measures 3 cm.' WHERE study_id = 5")
    read = ArchiveReader(settings.model_copy(update={"workers": 1}))  # through a child process
    samples = [s for split in whole for s in read(split)]
    assert dict(read.skipped) == {"film.unreadable": 2, "film.lateral": 6, "report.empty": 1, "film.view_unknown": 0}
    assert len(samples) == sum(whole.values()) - 3
    assert all(s.present.tolist() == [True, False] for s in samples)


def test_a_report_in_another_language_or_with_an_addendum_is_left_out(
    settings: Settings, change: Callable[..., None]
) -> None:
    whole = {split: len(ArchiveReader(settings)(split)) for split in ("train", "val", "test")}
    german = "Herz normal gross. Kein Pneumothorax, kein Pleuraerguss rechts."
    change("UPDATE report SET findings = :text WHERE study_id = 3", text=german)
    change("UPDATE report SET impression = :text WHERE study_id = 4", text=german)
    change("UPDATE report SET addendum = 'Small pneumothorax.' WHERE study_id = 5")
    read = ArchiveReader(settings)
    assert sum(len(read(split)) for split in whole) == sum(whole.values()) - 3
    assert (read.skipped["report.language"], read.skipped["report.amended"]) == (2, 1)


def test_what_a_reader_wrote_is_learnt_where_there_is_no_report(
    settings: Settings, change: Callable[..., None]
) -> None:
    change("UPDATE report SET study_id = NULL WHERE study_id = 1")
    text = "FINDINGS: There is pulmonary edema.\n\nIMPRESSION: Edema, again."
    with held_archive(settings) as engine:
        save_draft(engine, begin_run(engine), 1)
        with session(engine) as s:
            draft = standing(s, 1)
            assert draft is not None
            add_review(s, draft.id, Review(ReviewStatus.EDITED, "r", datetime(2024, 5, 6, tzinfo=UTC), text))
    sample = {one.key: one for one in ArchiveReader(settings)(expected_split(PATIENTS[0]))}["1"]
    assert (sample.report, sample.summary) == ("There is pulmonary edema.", "edema again .")
    assert sample.positive[[4, 2, 13]].tolist() == [True, True, False]


@pytest.fixture()
def archive_tool(tool: Tool, filled: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """The command line on the archive."""
    shutil.rmtree(tool.home)
    shutil.copytree(filled / "home", tool.home)
    monkeypatch.setattr(start, "load_vocabulary", lambda: VOCABULARY)
    assert ENVIRONMENT["CXRREPORT_WORKERS"] == "0"
    return tool


def test_the_command_trains_on_the_archive_and_names_no_patient(
    archive_tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr("sys.argv", ["cxrreport", "--home", str(archive_tool.home), "train", "--out", str(out)])
    assert archive_tool("train", "--out", out, "--device", "cpu", *QUICK) == 0, archive_tool.err
    assert archive_tool.out == f"{out / 'best'}\n"
    manifest = load_weights(out / "best").manifest
    train = [expected_split(patient) for patient in [*PATIENTS, *PATIENTS[:3]]].count("train")
    assert manifest["data"].startswith(f"archive train split, {train} studies")
    assert manifest["name"] == "tiny-archive" and manifest["command"] == "cxrreport --home HOME train --out RUN"
    told = archive_tool.err + "".join(p.read_text() for p in out.rglob("*.json*"))
    assert "MRN" not in told and "ACC" not in told and "1.2." not in told and "export" not in told
    assert len(json.loads((out / "studies.json").read_text())["train"]["keys"]) == train


@pytest.mark.parametrize("joined", [False, True])
def test_a_password_in_the_database_url_is_not_recorded(
    archive_tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joined: bool
) -> None:
    archive_tool.db = url = f"sqlite:///{archive_tool.home / 'cxrreport.db'}?password=secret"
    seen: list[str] = []
    monkeypatch.setattr("sys.argv", ["cxrreport", *([f"--db={url}"] if joined else ["--db", url]), "train"])
    monkeypatch.setattr(trainer, "train", lambda options, *_: seen.append(options.command) or tmp_path)
    assert archive_tool("train", "--out", tmp_path / "run") == 0, archive_tool.err
    assert seen == ["cxrreport --db=DB train" if joined else "cxrreport --db DB train"]


def test_a_small_archive_is_refused_with_its_numbers(archive_tool: Tool, tmp_path: Path) -> None:
    with archive_tool.connection() as connection:
        connection.execute(text("UPDATE report SET status = 'preliminary' WHERE study_id > 12"))
        connection.execute(text("UPDATE image SET path = '/nowhere' WHERE study_id = 1"))
        connection.execute(text("UPDATE image SET view = NULL WHERE study_id = 60"))
    assert archive_tool("train", "--out", tmp_path / "run", "--device", "cpu", *QUICK) == 2
    train = [expected_split(patient) for patient in PATIENTS[1:12]]
    assert "[usage.few_studies]" in archive_tool.err and "needs 32 studies" in archive_tool.err
    numbers = f"there are {train.count('train')} (patients: {train.count('train')}) and {train.count('val')}"
    assert f"{numbers}, and left out: film.unreadable 1, film.view_unknown 1." in archive_tool.err


def test_the_archive_can_be_scored_on_its_own_test_split(settings: Settings, weights: Path) -> None:
    tool = Tool(settings.home)
    found = tool.json("evaluate", "--weights", weights, "--beams", "1", "--device", "cpu")
    patients = [*PATIENTS, *PATIENTS[:3]]
    assert (found["dataset"], found["split"], found["published"]) == ("archive", "test", [])
    assert found["studies"] == sum(expected_split(patient) == "test" for patient in patients)
    assert found["bank"] == sum(expected_split(patient) == "train" for patient in patients)


def test_an_archive_without_signed_reports_cannot_be_scored(tool: Tool, weights: Path) -> None:
    assert tool("evaluate", "--weights", weights, "--device", "cpu") == 2
    assert "usage.few_studies" in tool.err
