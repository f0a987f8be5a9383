"""Nothing that names a patient leaves the database: not by log, output, manifest, error text or file mode."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.process import Process
from builders.tool import Tool, Visit, copy_tree, write_visit

POISON = ("zorglub", "hansi", "pid-7731-xq", "19330817", "1933-08-17", "geheim", "acc-55-poison")
TAGS = {"PatientName": "Zorglub^Hansi", "PatientBirthDate": "19330817", "SeriesDescription": "Zorglub's film"}
WHY = {"ReasonForTheRequestedProcedure": "Fall, says Hansi", "AdmittingDiagnosesDescription": "geheim"}
PATIENT = "PID-7731-XQ"


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    """An archive whose every name and value betrays a patient, with faults of many kinds."""
    export = tmp_path / "geheim-Zorglub"

    def visit(number: int, **tags: object) -> Path:
        accession = f"A{number}"
        made = Visit(accession, PATIENT, f"202401{number % 28 + 1:02d}", silent=number % 2 == 1)
        return write_visit(export, made, **(TAGS | WHY | {"AccessionNumber": f"ACC-55-POISON-{number}"} | tags))[0]

    visit(10), visit(11), visit(12)
    cut_header, cut_pixels, cut_silent = visit(14), visit(16), visit(17)
    cut_header.write_bytes(cut_header.read_bytes()[:450])
    for path in (cut_pixels, cut_silent):
        path.write_bytes(path.read_bytes()[:30000])
    visit(18, PatientSex="Zorglub, Hansi", StudyTime="zorglub")
    visit(20, StudyInstanceUID="1.2.9.zorglub")
    visit(22, StudyInstanceUID="1.2.9.10")
    visit(24, Rows=65535, Columns=65535)
    visit(26, PatientID="OTHER", StudyInstanceUID="1.2.9.10", SOPInstanceUID="1.2.9.26.26")
    (export / "Zorglub.hansi").write_bytes(b"Zorglub" * 200)
    return export


@pytest.fixture
def poisoned_reports(tmp_path: Path) -> Path:
    folder = tmp_path / "geheim-reports"
    folder.mkdir()
    (folder / "ACC-55-POISON-10.txt").write_text("INDICATION: Hansi fell.\nFINDINGS: Hansi Zorglub has clear lungs.\n")
    (folder / "Zorglub.txt").write_text("")
    (folder / "Hansi.pdf").write_text("Zorglub")
    (folder / "table.csv").write_text("accession,patient_id,findings\nACC-55-POISON-11,PID-7731-XQ,Zorglub\nx,y\n")
    return folder


def assert_clean(*texts: str) -> None:
    for text in texts:
        assert text and [word for word in POISON if word in text.lower()] == []


def manifests(home: Path) -> str:
    return "".join(path.read_text() for path in (home / "runs").iterdir())


def test_no_patient_in_what_is_printed_logged_or_kept_beside_the_database(
    tool: Tool, poisoned: Path, poisoned_reports: Path
) -> None:
    index = Process(tool.home, "--log-level", "debug", "index", poisoned_reports, "--json")
    assert index.wait() == 3
    run = Process(tool.home, "--log-level", "debug", "generate", poisoned, "--json", "--workers", "1")
    assert run.wait() == 3
    codes = set(tool.rows("SELECT code FROM failure"))
    assert {"header.incomplete", "header.malformed", "pixels.truncated", "pixels.too_large"} <= codes
    assert {"identity.conflict", "identity.patient_conflict", "report.empty", "report.malformed"} & codes
    assert_clean(index.printed, run.printed, manifests(tool.home), *tool.rows("SELECT message FROM failure"))
    assert "Fall, says Hansi" in tool.rows("SELECT indication FROM study")
    assert "Hansi fell." in tool.rows("SELECT indication FROM report")
    assert tool("status") == 0
    assert_clean(tool.out)
    index_files = [path for path in (tool.home / "index").rglob("*") if path.is_file() and path.name != ".lock"]
    assert_clean(*(path.read_bytes().decode("latin-1") for path in index_files))


def test_a_defect_tells_places_but_no_values(tool: Tool, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("Zorglub^Hansi PID-7731-XQ")

    monkeypatch.setattr("cxrreport.pipeline.scan.screen", broken)
    assert tool("generate", poisoned, "--without-retrieval", "--json") == 70
    assert "ValueError at " in tool.err and "scan.py" in tool.err
    assert_clean(tool.err, tool.out, manifests(tool.home))


def test_an_error_of_the_database_tells_no_parameters(
    tool: Tool, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tool.connection() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON failure BEGIN SELECT RAISE(ABORT, 'Zorglub'); END"
        )
    assert tool("generate", poisoned, "--without-retrieval", "--json") == 70
    assert_clean(tool.err, tool.out, manifests(tool.home))


@pytest.mark.parametrize("log_level", ["debug", "error"])
def test_warnings_of_libraries_are_told_without_their_text(
    tool: Tool, poisoned: Path, monkeypatch: pytest.MonkeyPatch, log_level: str
) -> None:
    import logging
    import warnings

    from cxrreport.pipeline import scan

    original = scan.screen

    def chatty(instance: object) -> object:
        warnings.warn("Zorglub^Hansi has an invalid value", UserWarning, stacklevel=1)
        logging.getLogger("pydicom").error("value %r", "Zorglub")
        logging.getLogger("somebody").error("value %r", "Zorglub")
        return original(instance)  # type: ignore[arg-type]

    monkeypatch.setattr(scan, "screen", chatty)
    tool("--log-level", log_level, "generate", poisoned, "--without-retrieval")
    assert "library.message" in tool.err
    assert_clean(tool.err)


@pytest.fixture
def open_umask() -> object:
    old = os.umask(0)
    yield
    os.umask(old)


def test_all_state_is_for_its_owner_alone(
    tool: Tool, shared_export: Path, shared_reports: Path, open_umask: object, tmp_path: Path
) -> None:
    tool.home = tmp_path / "new" / "home"
    tool.json("index", shared_reports)
    tool.json("generate", shared_export, "--limit", "1")
    modes: dict[str, Callable[[int], bool]] = {}
    for path in [tool.home, *tool.home.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path.name
        modes[path.name] = stat.S_ISREG
    assert {"cxrreport.db", "CURRENT", "text-0.vectors.npy", "run-000002.json", "lock"} <= set(modes)


def test_hostile_tags_are_never_a_path(tool: Tool, tmp_path: Path) -> None:
    """Values with ../, quotes and escapes go to the database as they are, and nowhere else."""
    export = copy_tree(write_visit(tmp_path / "made", Visit("A1", "P1", "20240101"))[0].parent, tmp_path / "export")
    before = {path for path in tmp_path.rglob("*") if tool.home not in path.parents}
    hostile = "../../x'; DROP TABLE study; --"
    write_visit(export, Visit("A2", "P2", "20240101"), PatientID=hostile, AccessionNumber="../a\x1b[2J")
    before.update(path for path in (export / "P2").rglob("*"))
    assert tool.json("generate", export, "--without-retrieval")["drafted"] == 2
    assert hostile in tool.rows("SELECT mrn FROM patient")
    after = {path for path in tmp_path.rglob("*") if tool.home not in path.parents}
    assert after == before | {export / "P2"}
