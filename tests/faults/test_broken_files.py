"""Files that cannot be used: each becomes a row in `failure` with its code, the rest is drafted, exit code 3."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.tool import Tool, Visit, spotted_chest, write_visit

from cxrreport.imaging.header import read_ordinary
from cxrreport.records import FileEntry, Instance

PLAIN = "--without-retrieval"
GOOD = Visit("A901", "P1", "20240101")
BAD = Visit("A902", "P2", "20240102")


def cut(path: Path, keep: float) -> None:
    """Shorten a file."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def cut_header(export: Path) -> None:
    (path,) = write_visit(export, BAD)
    path.write_bytes(path.read_bytes()[:400])


def cut_pixels(export: Path) -> None:
    cut(write_visit(export, BAD)[0], 0.6)


def other_bytes_same_uid(export: Path) -> None:
    write_visit(export, GOOD, PixelData=spotted_chest(7).tobytes())
    (export / "P1" / "A901_PA.dcm").rename(export / "P1" / "Z.dcm")
    write_visit(export, GOOD)


def other_patient_same_study(export: Path) -> None:
    write_visit(export, BAD, StudyInstanceUID=GOOD.uid)


def blank_image(export: Path) -> None:
    write_visit(export, BAD, PixelData=bytes(spotted_chest(1).nbytes))


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "header cut": (cut_header, "header.incomplete"),
    "pixels cut": (cut_pixels, "pixels.truncated"),
    "other bytes under one UID": (other_bytes_same_uid, "identity.conflict"),
    "study of another patient": (other_patient_same_study, "identity.patient_conflict"),
    "blank": (blank_image, "pixels.blank"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_bad_file_becomes_a_failure_and_the_rest_is_drafted(tool: Tool, tmp_path: Path, name: str) -> None:
    spoil, code = FAULTS[name]
    write_visit(tmp_path / "export", GOOD)
    spoil(tmp_path / "export")
    found = tool.json("generate", tmp_path / "export", PLAIN, code=3)
    assert found["failed"] == {code: 1} and found["drafted"] == 1
    ((stored, message, attempts),) = tool.rows("SELECT code, message, attempts FROM failure")
    assert (stored, attempts) == (code, 1) and message.endswith(".") and str(tmp_path) not in message
    assert tool.drafts() == {"A901": 1}


def test_a_bad_file_is_told_once_and_a_bad_image_until_quarantine(tool: Tool, tmp_path: Path) -> None:
    """What is known to be bad and has not changed is not tried again, so a later run is not failed by it for ever."""
    export = tmp_path / "export"
    cut_header(export)
    assert [tool("generate", export, PLAIN) for _ in range(2)] == [3, 0]
    assert tool.rows("SELECT count(*) FROM failure") == [1]
    cut_pixels(export)
    assert [tool("generate", export, PLAIN) for _ in range(4)] == [3, 3, 3, 0]
    assert tool.rows("SELECT code, attempts, quarantined FROM failure") == [("pixels.truncated", 3, 1)]
    assert tool.json("generate", export, PLAIN)["skipped"] == {"study.quarantined": 1}


@pytest.mark.parametrize("spoil", [cut_header, cut_pixels])
def test_a_file_that_is_mended_is_drafted(tool: Tool, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    export = tmp_path / "export"
    spoil(export)
    for _ in range(4):
        tool("generate", export, PLAIN)
    assert tool.drafts() == {}
    write_visit(export, BAD)
    assert tool.json("generate", export, PLAIN)["drafted"] == 1
    assert tool.rows("SELECT count(*) FROM failure") == [0]


def test_a_image_of_unknown_view_that_cannot_be_read(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    (path,) = write_visit(export, Visit("A902", "P2", "20240102", silent=True))
    cut(path, 0.6)
    found = tool.json("generate", export, PLAIN, code=3)
    assert found["failed"] == {"pixels.truncated": 1} and found["drafted"] == 0
    assert tool.rows("SELECT usable, reason FROM image") == [(0, "pixels.truncated")]
    assert tool("generate", export, PLAIN) == 0


def test_an_unreadable_image_of_the_prior_costs_the_comparison_only(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    (prior,) = write_visit(export, Visit("A100", "P1", "20230101"))
    write_visit(export, GOOD)
    cut(prior, 0.6)
    found = tool.json("generate", export, PLAIN, code=3)
    assert (found["drafted"], found["paired"]) == (1, 0)
    assert tool.rows("SELECT prior_study_id, prior_reason, comparison FROM draft") == [(None, "prior.unreadable", "")]
    assert tool.rows("SELECT count(*) FROM finding WHERE prior_state IS NOT NULL OR change IS NOT NULL") == [0]
    assert tool("show", "A901") == 0 and "the film of the prior cannot be read" in tool.out


def test_an_unreadable_lateral_image_is_a_flag(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    _, lateral = write_visit(export, Visit("A901", "P1", "20240101", lateral=True))
    cut(lateral, 0.6)
    assert tool.json("generate", export, PLAIN)["drafted"] == 1
    (flags,) = tool.rows("SELECT flags FROM draft")
    assert "lateral_unreadable" in flags


def test_a_patient_with_two_birth_dates_has_no_prior(tool: Tool, tmp_path: Path) -> None:
    write_visit(tmp_path, Visit("A100", "P1", "20230101"), PatientBirthDate="19660606")
    write_visit(tmp_path, GOOD)
    assert tool.json("generate", tmp_path, PLAIN)["paired"] == 0
    assert tool.rows("SELECT prior_reason FROM draft ORDER BY id") == ["prior.none", "prior.identity"]


def test_links_and_devices_are_not_followed(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    write_visit(export, GOOD)
    write_visit(tmp_path / "outside", BAD)
    (export / "loop").symlink_to(export)
    (export / "out").symlink_to(tmp_path / "outside")
    (export / "file").symlink_to(write_visit(tmp_path / "another", BAD)[0])
    os.mkfifo(export / "pipe")
    found = tool.json("generate", export, PLAIN)
    assert found["drafted"] == 1 and found["skipped"] == {"symlink": 3, "special": 1}


def test_a_path_too_long_for_the_database_costs_that_file_alone(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxrreport.store.filing.MAX_PATH_BYTES", len(str(tmp_path)) + 40)
    export = tmp_path / "export"
    write_visit(export, GOOD)
    deep = export / ("d" * 60)
    deep.mkdir()
    (deep / "not_dicom").write_bytes(b"x" * 600)
    (deep / "broken").write_bytes(write_visit(deep, BAD)[0].read_bytes()[:400])
    found = tool.json("generate", export, PLAIN, code=3)
    assert found["drafted"] == 1 and found["failed"] == {"path.long": 3}


@pytest.mark.parametrize("values", [{"rows": 2**70}, {"exposure_index": object()}])
def test_what_the_database_refuses_costs_that_file_alone(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    """A batch holds what came before the file and what comes after it."""

    def hostile(entry: FileEntry, *limits: Any) -> Instance | None:
        found = read_ordinary(entry, *limits)
        return replace(found, **values) if found and found.accession == BAD.accession else found

    monkeypatch.setattr("cxrreport.imaging.seen.read_ordinary", hostile)
    for visit in (Visit("A800", "P0", "20240101"), BAD, Visit("A999", "P9", "20240101")):
        write_visit(tmp_path, visit)
    found = tool.json("generate", tmp_path, "--dry-run", code=3)
    assert (found["due"], found["failed"]) == (2, {"file.refused": 1})
    assert tool.json("generate", tmp_path, "--dry-run")["files_unchanged"] == 3


def test_a_copy_that_cannot_be_compared_is_a_failure_of_that_file(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise PermissionError

    export = tmp_path / "export"
    write_visit(export, GOOD)
    write_visit(export / "again", GOOD)
    monkeypatch.setattr("cxrreport.pipeline.disputes.filecmp.cmp", away)
    found = tool.json("generate", export, PLAIN, code=3)
    assert found["drafted"] == 1 and found["failed"] == {"header.unreadable": 1}
