"""Two files of one image, and what happens where the PACS corrects a patient: on whole files, without a draft."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from builders.dicom import JPEG_2000
from builders.store import begin_run, save_draft
from builders.tool import Tool, Visit, spotted_chest, write_visit

WRONG = Visit("A901", "W7", "20240101", lateral=True)
RIGHT = Visit("A901", "R8", "20240101", lateral=True)
LATER = Visit("A902", "R8", "20240301")
PATIENTS = "SELECT mrn FROM study JOIN patient ON patient.id = patient_id ORDER BY accession"


def scan(tool: Tool, export: Path, code: int = 0) -> dict[str, int]:
    return tool.json("generate", export, "--dry-run", code=code)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A study under the wrong patient, and a later one of the right patient."""
    write_visit(tmp_path / "export", WRONG)
    write_visit(tmp_path / "export", LATER)
    return tmp_path / "export"


def test_a_corrected_patient_refiles_the_study_and_pairs_its_neighbour(tool: Tool, export: Path) -> None:
    assert scan(tool, export)["paired"] == 0
    for path in write_visit(export, RIGHT):
        path.replace(export / "W7" / path.name)
    found = scan(tool, export)
    assert (found["due"], found["paired"], found["failed"]) == (2, 1, {})
    assert tool.rows(PATIENTS) == ["R8", "R8"] and tool.rows("SELECT count(*) FROM failure") == [0]
    assert tool.rows("SELECT DISTINCT usable FROM image") == [1]


def test_a_study_of_which_one_file_alone_names_another_patient_stays(tool: Tool, export: Path) -> None:
    scan(tool, export)
    first, second = write_visit(export, RIGHT)
    first.replace(export / "W7" / first.name)
    kept = second.rename(export.parent / "second")
    assert scan(tool, export, code=3)["failed"] == {"identity.patient_conflict": 1}
    assert tool.rows(PATIENTS) == ["W7", "R8"]
    kept.replace(export / "W7" / second.name)  # the other one follows the next night
    assert scan(tool, export)["failed"] == {} and tool.rows(PATIENTS) == ["R8", "R8"]
    assert tool.rows("SELECT count(*) FROM failure") == [0]


def test_a_study_is_of_the_patient_of_whom_files_are_left(tool: Tool, export: Path) -> None:
    """Two files of the one patient, then a third of another; the first two are deleted, and one comes back."""
    first, second = (path for path in write_visit(export, WRONG))
    scan(tool, export)
    write_visit(export, dataclasses.replace(RIGHT, lateral=False), SOPInstanceUID="1.2.9.901.7")
    assert scan(tool, export, code=3)["failed"] == {"identity.patient_conflict": 1}
    assert scan(tool, export)["failed"] == {} and tool.rows(PATIENTS) == ["W7", "R8"]
    away = first.rename(export.parent / "away")
    second.unlink()
    assert scan(tool, export)["failed"] == {} and tool.rows(PATIENTS) == ["R8", "R8"]
    assert tool.rows("SELECT usable FROM image ORDER BY sop_uid LIKE '%.7'") == [1, 0, 0, 1]
    away.rename(first)
    assert scan(tool, export, code=3)["failed"] == {"identity.patient_conflict": 1}
    assert tool.rows(PATIENTS) == ["R8", "R8"]


def test_a_corrected_date_is_that_of_the_study(tool: Tool, export: Path) -> None:
    scan(tool, export)
    write_visit(export, LATER, StudyDate="20231231")
    scan(tool, export)
    assert tool.rows("SELECT substr(studied_at, 1, 10) FROM study ORDER BY accession") == ["2024-01-01", "2023-12-31"]


@pytest.mark.parametrize("cut_first", [True, False])
def test_of_two_files_of_one_image_the_whole_one_serves(tool: Tool, tmp_path: Path, cut_first: bool) -> None:
    (whole,) = write_visit(tmp_path, LATER)
    copy = whole.with_name("A.dcm" if cut_first else "Z.dcm")
    copy.write_bytes(whole.read_bytes()[:-9000])
    found = scan(tool, tmp_path)
    assert found["due"] == 1 and found["failed"] == {}
    assert tool.rows("SELECT path, usable FROM image") == [(str(whole), 1)]
    assert tool.rows("SELECT outcome FROM file ORDER BY path = :whole", whole=str(whole)) == ["broken_copy", "image"]


def test_two_whole_images_of_one_uid_are_told_with_both_digests(tool: Tool, tmp_path: Path) -> None:
    (first,) = write_visit(tmp_path, LATER)
    first.rename(first.with_name("A.dcm"))
    write_visit(tmp_path, LATER, PixelData=spotted_chest(7).tobytes())
    assert scan(tool, tmp_path, code=3)["failed"] == {"identity.conflict": 1}
    digests = tool.rows("SELECT pixel_sha256 FROM image UNION SELECT pixel_sha256 FROM file WHERE outcome = 'conflict'")
    assert len(set(digests)) == 2 and all(len(digest) == 64 for digest in digests)


def test_one_image_compressed_in_two_ways_is_one_image(tool: Tool, tmp_path: Path) -> None:
    (first,) = write_visit(tmp_path, LATER)
    first.rename(first.with_name("A.dcm"))
    write_visit(tmp_path, LATER, syntax=JPEG_2000)
    found = scan(tool, tmp_path)
    assert (found["due"], found["failed"]) == (1, {})
    assert sorted(tool.rows("SELECT outcome FROM file")) == ["duplicate", "image"]


def test_files_that_change_their_names_keep_their_images(tool: Tool, tmp_path: Path) -> None:
    (one,), (other,) = write_visit(tmp_path, LATER), write_visit(tmp_path, Visit("A903", "R8", "20240401"))
    scan(tool, tmp_path)
    for source, target in ((one, tmp_path / "x"), (other, one), (tmp_path / "x", other)):
        source.rename(target)
    os.utime(one, (9, 9))
    os.utime(other, (9, 9))
    found = scan(tool, tmp_path)
    assert (found["due"], found["failed"]) == (2, {})
    assert tool.rows("SELECT usable FROM image") == [1, 1]


@pytest.mark.parametrize("uid", ["1.2.3.9", None])
def test_a_conflict_that_the_pacs_has_resolved_is_read_again(tool: Tool, tmp_path: Path, uid: str | None) -> None:
    """The same film under another patient, of a study of its own or of the same; the wrong file is deleted."""
    (wrong,) = write_visit(tmp_path / "a", LATER)
    scan(tool, tmp_path)
    with tool.connection() as connection:
        engine = connection.engine
    save_draft(engine, begin_run(engine), 1)
    write_visit(tmp_path / "b", dataclasses.replace(LATER, patient="W7"), **({"StudyInstanceUID": uid} if uid else {}))
    assert scan(tool, tmp_path, code=3)["failed"] == {"identity.conflict": 1}
    wrong.unlink()
    found = scan(tool, tmp_path)
    assert (found["due"], found["failed"]) == (1, {}) and tool.rows("SELECT count(*) FROM failure") == [0]
    assert tool.rows("SELECT mrn FROM image JOIN study s ON s.id = study_id JOIN patient p ON p.id = patient_id") == [
        "W7"
    ]
    assert tool.rows("SELECT status FROM draft") == ["superseded"]


def test_a_copy_serves_when_the_first_goes_and_the_first_is_looked_at_when_it_comes_back(
    tool: Tool, tmp_path: Path
) -> None:
    (first,) = write_visit(tmp_path / "export", LATER)
    copy = first.with_name("Z.dcm")
    copy.write_bytes(first.read_bytes())
    scan(tool, tmp_path / "export")
    away = first.rename(tmp_path / "away")
    scan(tool, tmp_path / "export")
    assert tool.rows("SELECT path FROM image") == [str(copy)]
    away.rename(first)
    assert scan(tool, tmp_path / "export")["skipped"] == {"duplicate": 1}
    assert tool.rows("SELECT outcome FROM file ORDER BY path = :copy", copy=str(copy)) == ["duplicate", "image"]
