"""`status`, `runs`, `doctor`, `db current` and the output of `generate`: for a person and for a program."""

from __future__ import annotations

import errno
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders.tool import Tool, Visit, write_visit
from cxrreport.cli.doctor import CODECS
from cxrreport.cli.main import COMMANDS, EXIT_CODES

from cxrreport import DISCLAIMER
from cxrreport.codes import CODES

PLAIN = "--without-retrieval"
CONTRACT = {"run", "files", "images", "studies", "paired", "drafted", "unchanged", "skipped", "failed", "seconds"}


def test_json_is_one_document_with_the_keys_of_the_contract(tool: Tool, shared_export: Path) -> None:
    assert tool("generate", shared_export, PLAIN, "--limit", "1", "--json") == 0
    found, end = json.JSONDecoder().raw_decode(tool.out)
    assert tool.out[end:] == "\n" and set(found) >= CONTRACT
    assert all(isinstance(found[key], dict) for key in ("skipped", "failed"))
    assert tool.err.count(DISCLAIMER) == 1
    assert set(tool.json("generate", shared_export, "--dry-run")) >= CONTRACT


def test_a_person_reads_one_number_a_line(tool: Tool, shared_export: Path) -> None:
    write = {"drafted": "8", "paired": "3", "failed": "none", "skipped": "none"}
    assert tool("generate", shared_export, PLAIN) == 0
    lines = dict(line.split(None, 1) for line in tool.out.splitlines())
    assert {key: lines[key] for key in write} == write
    with pytest.raises(json.JSONDecodeError):
        json.loads(tool.out)


def test_failures_are_told_by_code(tool: Tool, tmp_path: Path) -> None:
    (path,) = write_visit(tmp_path, Visit("A1", "P1", "20240101"))
    path.write_bytes(path.read_bytes()[:400])
    assert tool("generate", tmp_path, PLAIN) == 3
    assert "header.incomplete 1" in tool.out


def test_status_counts_what_there_is(tool: Tool, shared_export: Path, shared_reports: Path) -> None:
    tool.json("index", shared_reports)
    tool.json("generate", shared_export, "--limit", "5")
    found = tool.json("status")
    assert (found["patients"], found["studies"], found["undrafted"]) == (4, 8, 3)
    assert (found["reports"], found["linked_reports"], found["drafts"]["preliminary"]) == (11, 3, 5)
    assert found["last_run"]["counts"]["drafted"] == 5 and found["last_run"]["exit_code"] == 0
    assert tool("status") == 0
    rows = {" ".join(line.split()) for line in tool.out.replace("│", " ").splitlines()}
    assert {"studies without a draft 3", "drafts, preliminary 5", "images, pa 7 usable, 0 not"} <= rows


def test_runs_are_listed_newest_first(tool: Tool, shared_export: Path) -> None:
    for _ in range(3):
        tool("generate", shared_export, PLAIN)
    tool("generate", "/nowhere/at/all", PLAIN)
    found = tool.json("runs")
    assert [(run["id"], run["exit_code"]) for run in found] == [(4, 2), (3, 0), (2, 0), (1, 0)]
    assert found[-1]["counts"]["drafted"] == 8 and found[0]["ended_at"]
    assert len(tool.json("runs", "--limit", "2")) == 2
    assert tool("runs") == 0 and "drafted 8" in tool.out


def test_doctor_tells_every_part_and_its_mend(
    tool: Tool, shared_reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tool("doctor") == 0 and "none yet: run `cxrreport index`" in tool.out
    tool.json("index", shared_reports)
    assert tool("doctor") == 0
    assert [line.split()[:2] for line in tool.out.splitlines()] == [
        ["ok", part] for part in ("software", "decoders", "device", "weights", "index", "database")
    ]
    assert "random 7" in tool.out and "licence: none" in tool.out and "11 reports" in tool.out
    config = tmp_path / "settings.toml"
    for name in ("CXRREPORT_DEVICE", "CXRREPORT_WEIGHTS"):
        monkeypatch.delenv(name)
    config.write_text(f'device = "cuda:99"\nweights = "{tmp_path}/none"\n')
    assert tool("--config", config, "doctor") == 78
    mends = {line.split()[1]: line for line in tool.out.splitlines() if line.startswith("MEND")}
    assert set(mends) == {"device", "weights", "index"} and "--device cpu" in mends["device"]


def test_a_damaged_index_is_a_mend(drafted: Tool) -> None:
    next((drafted.home / "index").glob("*/text.faiss")).write_bytes(b"IxM2")
    assert drafted("doctor") == 78 and "MEND  index" in drafted.out


def test_db_current_and_upgrade(tool: Tool) -> None:
    found = tool.json("db", "current")
    assert found["current"] == found["head"]
    assert tool("db", "current") == 0 and tool.out.split() == ["current", found["head"], "head", found["head"]]
    (tool.home / "cxrreport.db").unlink()
    assert tool.json("db", "upgrade") == {"before": None, "current": found["head"], "head": found["head"]}


@pytest.mark.parametrize("line", [("db", "current"), ("db", "upgrade"), ("status",), ("runs",)])
def test_every_command_closes_the_database(tool: Tool, line: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr("sqlalchemy.Engine.dispose", lambda engine, close=True: closed.append(engine))
    assert tool(*line) == 0 and len(closed) == 1


def test_runs_are_listed_without_control_characters(tool: Tool) -> None:
    tool("generate", "/nowhere/at/all", PLAIN)
    with tool.connection() as connection:
        connection.exec_driver_sql("UPDATE run SET host = ?", ("evil\x1b[2J[red]host\u202e",))
    assert tool("runs") == 0 and "evil?[2J[red]host?" in tool.out
    assert not {"\x1b", "\u202e"} & set(tool.out)


def test_a_new_home_is_made_by_whatever_comes_first(tool: Tool, tmp_path: Path) -> None:
    for number, command in enumerate((["status"], ["runs"], ["doctor"])):
        tool.home = tmp_path / f"new-{number}"
        assert tool(*command) == 0 and (tool.home / "cxrreport.db").stat().st_mode & 0o777 == 0o600


def test_help_and_status_import_neither_torch_nor_transformers(tool: Tool) -> None:
    for arguments in (["--help"], ["--home", str(tool.home), "status"], ["generate", "--help"]):
        code = (
            f"import sys; from cxrreport.cli.main import call; code = call({arguments!r});"
            "heavy = {'torch', 'transformers', 'faiss', 'pydicom', 'SimpleITK'} & set(sys.modules);"
            "sys.exit(code or (100 if heavy else 0))"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0, arguments


def test_every_exit_code_of_an_error_is_documented(tool: Tool) -> None:
    tool("--help")
    for code in {code.exit_code for code in CODES.values()} | {0, 130, 143}:
        assert re.search(rf"\b{code}[ ,]", EXIT_CODES), code
    assert "Exit codes: 0 all done; 2 usage; 3 done, but some files or studies failed;" in " ".join(tool.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_its_own(tool: Tool, name: str) -> None:
    assert tool(name, "--help") == 0
    assert tool.out.startswith(f"Usage: cxrreport {name}") and len(tool.out.splitlines()) > 5


def test_version(tool: Tool) -> None:
    from cxrreport import __version__

    assert tool("--version") == 0 and __version__ in tool.out


@pytest.mark.parametrize("missing", CODECS.items(), ids=lambda item: item[0])
def test_doctor_names_a_decoder_that_is_missing(
    tool: Tool, missing: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import imagecodecs

    name, codec = missing
    monkeypatch.setattr(imagecodecs, codec, type("Absent", (), {"available": False}))
    assert tool("doctor") == 78 and f"imagecodecs lacks {name}: reinstall it. [decoders]" in tool.out


def test_doctor_asks_for_the_decoders_that_images_are_decoded_with() -> None:
    from cxrreport.imaging import decode

    used = set(re.findall(r"imagecodecs\.(\w+)_decode\b", inspect.getsource(decode)))
    assert used == {codec.lower() for codec in CODECS.values()}


def test_an_error_of_the_system_is_told_without_its_path(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space for DOE^JANE", "/archive/DOE^JANE.dcm")

    monkeypatch.setattr("cxrreport.store.runs.list_runs", full)
    assert tool("runs", "--json") == 74
    said = f"Reading or writing failed: {os.strerror(errno.ENOSPC)}."
    assert json.loads(tool.out) == {"error": {"code": "io", "message": said}, "exit_code": 74}
    assert "DOE" not in tool.err and said in tool.err


def test_an_error_of_the_system_without_a_number(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxrreport.store.runs.list_runs", lambda *_: (_ for _ in ()).throw(OSError("DOE^JANE")))
    assert tool("runs") == 74 and tool.err == "cxrreport: Reading or writing failed. [io]\n"
