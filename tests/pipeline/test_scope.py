"""What is left out on purpose is told: children, films that are no chest, and studies without a frontal image."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import pytest
from builders.dicom import CR
from builders.tool import Tool, Visit, write_visit
from pydicom import dcmread

from cxrreport import open_archive
from cxrreport.pipeline.scope import is_child
from cxrreport.records import Study, View, ViewGuess

PLAIN = "--without-retrieval"


def study(born: str | None, day: str | None, age: float | None) -> Study:
    birth_date = date.fromisoformat(born) if born else None
    studied_at = datetime.fromisoformat(day) if day else None
    return Study(1, "1.2", 1, studied_at, False, birth_date, "", "", (), age)


@pytest.mark.parametrize(
    ("born", "day", "age", "child"),
    [
        ("2006-03-05", "2024-03-04", None, True),
        ("2006-03-05", "2024-03-05", None, False),
        ("2004-02-29", "2022-02-28", None, True),
        (None, "2024-03-04", 17.9, True),
        (None, None, 0.02, True),
        (None, None, 18.0, False),
        (None, "2024-03-04", None, False),
        ("2006-03-05", None, None, False),
        ("1950-01-01", "2024-03-04", 4.0, True),  # whichever is wrong: the younger counts
        ("2020-01-01", "2024-03-04", 74.0, True),
    ],
)
def test_under_eighteen_by_birth_date_or_age(born: str | None, day: str | None, age: float | None, child: bool) -> None:
    assert is_child(study(born, day, age)) is child


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """An adult, a child by birth date, a child by age, and a lateral image alone."""
    write_visit(tmp_path, Visit("A601", "P61", "20240105"), PatientBirthDate="19600101")
    write_visit(tmp_path, Visit("A602", "P62", "20240105"), PatientBirthDate="20070101")
    write_visit(tmp_path, Visit("A603", "P63", "20240105"), PatientBirthDate="", PatientAge="008M")
    write_visit(tmp_path, Visit("A604", "P64", "20240105"), PatientBirthDate="19600101", ViewPosition="LL")
    return tmp_path


def test_children_and_studies_without_a_frontal_image_are_rows(tool: Tool, mixed: Path) -> None:
    for again in range(2):
        found = tool.json("generate", mixed, PLAIN)
        assert found["skipped"] == {"scope.age": 2, "study.no_frontal": 1} and found["failed"] == {}
        assert (found["drafted"], found["unchanged"]) == ((1, 0), (0, 1))[again]
    assert tool.json("status")["failures"] == {"scope.age": 2, "study.no_frontal": 1}
    shown = tool.json("show", "A602", code=3)
    assert shown["draft"] is None and shown["failure"]["code"] == "scope.age"
    assert tool.json("generate", mixed, "--dry-run")["due"] == 0


def test_a_child_is_drafted_on_request_and_flagged(tool: Tool, mixed: Path) -> None:
    tool.json("generate", mixed, PLAIN)
    found = tool.json("generate", mixed, PLAIN, "--allow-out-of-scope")
    assert found["drafted"] == 2 and found["skipped"] == {"study.no_frontal": 1}
    assert tool.json("status")["failures"] == {"study.no_frontal": 1}
    assert tool.json("show", "A603")["draft"]["flags"][0] == "out_of_scope"
    assert "out_of_scope" not in tool.json("show", "A601")["draft"]["flags"]


STATUSES = "SELECT accession, status FROM draft JOIN study ON study.id = study_id ORDER BY accession, draft.id"


def test_drafts_of_children_are_withdrawn_and_nothing_is_lost(any_tool: Tool, mixed: Path) -> None:
    any_tool.json("generate", mixed, PLAIN, "--allow-out-of-scope")
    texts = any_tool.rows("SELECT findings FROM draft ORDER BY id")
    assert any_tool.rows("SELECT count(*) FROM failure WHERE code = 'scope.age'") == [0]
    found = any_tool.json("generate", mixed, PLAIN, "--since", "2025-01-01")  # wherever the run looks
    assert (found["withdrawn"], found["drafted"]) == (2, 0)
    assert any_tool.rows(STATUSES) == [("A601", "preliminary"), ("A602", "superseded"), ("A603", "superseded")]
    assert any_tool.rows("SELECT findings FROM draft ORDER BY id") == texts
    shown = any_tool.json("show", "A602", code=3)
    assert shown["draft"] is None and shown["failure"]["code"] == "scope.age"
    assert any_tool.json("status")["failures"]["scope.age"] == 2
    assert any_tool.json("generate", mixed, PLAIN)["withdrawn"] == 0
    again = any_tool.json("generate", mixed, PLAIN, "--allow-out-of-scope")
    assert (again["drafted"], again["withdrawn"]) == (2, 0)
    assert any_tool.rows(STATUSES) == [(name, "preliminary") for name in ("A601", "A602", "A603")]


def test_a_birth_date_that_is_corrected_withdraws_the_draft(tool: Tool, mixed: Path) -> None:
    tool.json("generate", mixed, PLAIN)
    with tool.connection() as connection:
        connection.exec_driver_sql("UPDATE study SET birth_date = '2006-01-06' WHERE accession = 'A601'")
    assert tool.json("generate", mixed, PLAIN, "--dry-run")["withdrawn"] == 0
    assert tool.rows(STATUSES) == [("A601", "preliminary")]
    assert tool.json("generate", mixed, PLAIN)["withdrawn"] == 1
    assert tool.rows(STATUSES) == [("A601", "superseded")]


@pytest.mark.parametrize("status", ["reviewed", "rejected"])
def test_a_judged_draft_of_a_child_is_never_touched(tool: Tool, mixed: Path, status: str) -> None:
    tool.json("generate", mixed, PLAIN, "--allow-out-of-scope")
    with tool.connection() as connection:
        connection.exec_driver_sql(f"UPDATE draft SET status = '{status}'")  # noqa: S608
    found = tool.json("generate", mixed, PLAIN)
    assert (found["withdrawn"], found["unchanged"], found["skipped"]) == (0, 3, {"study.no_frontal": 1})
    assert tool.rows("SELECT DISTINCT status FROM draft") == [status]
    assert tool.json("status")["failures"] == {"study.no_frontal": 1}


def test_a_frontal_image_that_comes_later_takes_the_row_away(tool: Tool, mixed: Path) -> None:
    tool.json("generate", mixed, PLAIN)
    write_visit(
        mixed / "later", Visit("A604", "P64", "20240105"), SOPInstanceUID="1.2.9.604.9", PatientBirthDate="19600101"
    )
    assert tool.json("generate", mixed, PLAIN)["drafted"] == 1
    assert tool.json("status")["failures"] == {"scope.age": 2}


# -- films that are no chest ------------------------------------------------------------------------------------------


@pytest.fixture
def no_chests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Films whose pixels all show something else: of silent tags, of a frontal chest by its tags, and one of each."""
    monkeypatch.setattr(
        "cxrreport.model.views.ViewClassifier.guess",
        lambda _, films: [ViewGuess(View.OTHER, "pixels", 1.0)] * len(films),
    )
    write_visit(tmp_path, Visit("A701", "P71", "20240105", silent=True, lateral=True))
    write_visit(tmp_path, Visit("A702", "P72", "20240105"))
    write_visit(tmp_path, Visit("A703", "P73", "20240105"))
    write_visit(tmp_path / "more", Visit("A703", "P73", "20240105", silent=True), SOPInstanceUID="1.2.9.703.9")
    return tmp_path


def test_a_study_of_which_no_film_is_a_chest_is_a_row_and_no_draft(any_tool: Tool, no_chests: Path) -> None:
    found = any_tool.json("generate", no_chests, PLAIN)
    assert found["skipped"] == {"view.other": 3, "scope.not_chest": 1} and found["failed"] == {}
    assert any_tool.drafts() == {"A702": 1, "A703": 1}
    assert any_tool.json("generate", no_chests, PLAIN)["skipped"] == {"scope.not_chest": 1}
    assert any_tool.json("generate", no_chests, PLAIN, "--since", "2025-01-01")["skipped"] == {}
    assert any_tool.json("status")["failures"] == {"scope.not_chest": 1}
    shown = any_tool.json("show", "A701", code=3)
    assert shown["draft"] is None and shown["failure"]["code"] == "scope.not_chest"


def test_what_the_tags_call_a_frontal_chest_is_flagged_and_judged_but_has_no_text(tool: Tool, no_chests: Path) -> None:
    tool.json("generate", no_chests, PLAIN)
    for accession in ("A702", "A703"):
        shown = tool.json("show", accession, code=3)
        assert "film_unusual" in shown["draft"]["flags"] and shown["no_draft"]["code"] == "abstain.quality"
    with open_archive(tool.home) as archive:  # the API tells of studies with a usable image
        assert [study.accession for study in archive.studies()] == ["A702", "A703"]


def test_a_chest_film_that_comes_later_takes_the_row_away(tool: Tool, no_chests: Path) -> None:
    tool.json("generate", no_chests, PLAIN)
    write_visit(no_chests / "later", Visit("A701", "P71", "20240105"), SOPInstanceUID="1.2.9.701.9")
    assert tool.json("generate", no_chests, PLAIN)["drafted"] == 1
    assert tool.json("status")["failures"] == {}


def test_a_draft_goes_where_its_film_is_replaced_by_one_that_is_no_chest(tool: Tool, no_chests: Path) -> None:
    (path,) = write_visit(no_chests, Visit("A704", "P74", "20240105"))
    tool.json("generate", no_chests, PLAIN)
    write_visit(no_chests, Visit("A704", "P74", "20240105"), ViewPosition=None, SOPClassUID=CR)
    os.utime(path, ns=(1, 1))
    found = tool.json("generate", no_chests, PLAIN)
    assert (found["withdrawn"], found["skipped"]) == (1, {"view.other": 1, "scope.not_chest": 2})
    assert ("A704", "superseded") in tool.rows(STATUSES)
    assert tool.json("show", "A704", code=3)["failure"]["code"] == "scope.not_chest"


def test_a_draft_goes_where_another_film_lies_at_the_path_of_its_own(tool: Tool, no_chests: Path) -> None:
    (path,) = write_visit(no_chests, Visit("A704", "P74", "20240105"))
    tool.json("generate", no_chests, PLAIN)
    other = {"SOPInstanceUID": "1.2.9.704.9", "ViewPosition": None, "SOPClassUID": CR}
    assert write_visit(no_chests, Visit("A704", "P74", "20240105"), **other) == [path]
    os.utime(path, ns=(1, 1))
    assert tool.json("generate", no_chests, PLAIN)["withdrawn"] == 1
    shown = tool.json("show", "A704", code=3)
    assert shown["draft"] is None and shown["failure"]["code"] == "scope.not_chest"


def test_a_damaged_film_beside_one_that_is_no_chest_leaves_a_row(tool: Tool, no_chests: Path) -> None:
    write_visit(no_chests, Visit("A705", "P75", "20240105", silent=True))
    (cut,) = write_visit(no_chests / "b", Visit("A705", "P75", "20240105", silent=True), SOPInstanceUID="1.2.9.705.9")
    with dcmread(cut) as film:
        film.PixelData = film.PixelData[:50]
        film.save_as(cut)
    found = tool.json("generate", no_chests, PLAIN, code=3)
    assert found["skipped"]["scope.not_chest"] == 2
    assert tool.json("show", "A705", code=3)["failure"]["code"] == "scope.not_chest"


@pytest.mark.parametrize("status", ["reviewed", "rejected"])
def test_a_study_whose_draft_is_judged_has_not_failed(tool: Tool, no_chests: Path, status: str) -> None:
    (path,) = write_visit(no_chests, Visit("A704", "P74", "20240105"))
    tool.json("generate", no_chests, PLAIN)
    with tool.connection() as connection:
        connection.exec_driver_sql(f"UPDATE draft SET status = '{status}'")  # noqa: S608
    write_visit(no_chests, Visit("A704", "P74", "20240105"), ViewPosition=None, SOPClassUID=CR)
    os.utime(path, ns=(1, 1))
    found = tool.json("generate", no_chests, PLAIN)
    assert (found["withdrawn"], found["unchanged"], found["skipped"]["scope.not_chest"]) == (0, 3, 1)
    shown = tool.json("show", "A704", code=3)  # abstained from
    assert shown["draft"]["status"] == status and shown["failure"] is None
