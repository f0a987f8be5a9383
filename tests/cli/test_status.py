"""`status`, `runs`, `doctor`, `db current` and the output of `generate`: for a person and for a program."""

from __future__ import annotations

import errno
import inspect
import json
import os
import re
from pathlib import Path
from unittest.mock import Mock

import pytest
from builders.tool import Tool
from cxrreport.cli.doctor import CODECS

from cxrreport import DISCLAIMER

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


def test_status_counts_what_there_is(tool: Tool, shared_export: Path, shared_reports: Path) -> None:
    tool.json("index", shared_reports)
    tool.json("generate", shared_export, "--limit", "5")
    found = tool.json("status")
    assert (found["patients"], found["studies"], found["undrafted"]) == (4, 8, 3)
    assert (found["reports"], found["linked_reports"], found["drafts"]["preliminary"]) == (11, 3, 5)
    assert found["last_run"]["counts"]["drafted"] == 5 and found["last_run"]["exit_code"] == 0
    assert tool("status") == 0
    rows = {" ".join(line.split()) for line in tool.out.replace("│", " ").splitlines()}
    assert {"studies with a usable image and no draft 3", "studies without a usable image 0"} <= rows
    assert {"drafts, preliminary 5", "images, pa 7 usable, 0 not"} <= rows


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
        ["ok", part]
        for part in (
            "software",
            "decoders",
            "device",
            "weights",
            "calibration",
            "abstention",
            "index",
            "database",
            "gates",
        )
    ]
    assert "random 7" in tool.out and "licence: none" in tool.out and "11 reports" in tool.out
    config = tmp_path / "settings.toml"
    for name in ("CXRREPORT_DEVICE", "CXRREPORT_WEIGHTS"):
        monkeypatch.delenv(name)
    config.write_text(f'device = "cuda:99"\nweights = "{tmp_path}/none"\n')
    assert tool("--config", config, "doctor") == 78
    mends = {line.split()[1]: line for line in tool.out.splitlines() if line.startswith("MEND")}
    assert (
        set(mends) == {"device", "weights", "calibration", "abstention", "index", "gates"}
        and "--device cpu" in mends["device"]
    )


def test_a_damaged_index_is_a_mend(drafted: Tool) -> None:
    next((drafted.home / "index").glob("*/text-0.vectors.npy")).write_bytes(b"")
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


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "runs",
        "failures",
        "show A1",
        "db current",
        "release A1",
        "forget P1 --yes",
        "prune",
        "backup x",
        "calibrate",
    ],
)
def test_a_command_that_reads_makes_no_archive(tool: Tool, tmp_path: Path, line: str) -> None:
    tool.home = tmp_path / "mistyped"
    assert tool(*line.split()) == 78 and f"no archive ({tool.home}/cxrreport.db)" in tool.err and not tool.home.exists()


def test_doctor_makes_no_archive_and_says_so(tool: Tool, tmp_path: Path) -> None:
    tool.home = tmp_path / "new"
    assert tool.json("doctor")["database"]["found"].startswith("none yet") and not tool.home.exists()


@pytest.mark.parametrize("url", ["mysql://h/x", "not a url"])
def test_doctor_does_not_take_a_database_that_cannot_be_meant_for_one_that_is_not_there_yet(
    tool: Tool, url: str
) -> None:
    assert tool("--db", url, "doctor") == 78 and "MEND  database" in tool.out


def test_status_tells_what_was_refused_and_what_the_last_run_did(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE image SET usable = false, reason = 'view.other' WHERE id < 3")
    assert drafted.json("status")["refused"] == {"view.other": 2}
    assert drafted("status") == 0 and "images refused, view.other" in drafted.out and "drafted 8" in drafted.out


def test_status_names_home_and_database(tool: Tool) -> None:
    found = tool.json("status")
    assert (found["home"], found["database"]) == (str(tool.home), f"{tool.home}/cxrreport.db")


def test_a_wrong_option_is_an_error_document_too(tool: Tool) -> None:
    assert tool("generate", "/x", "--json", "--bogus") == 2 and "Usage" in tool.err
    found = json.loads(tool.out)
    assert found["exit_code"] == 2 and "--bogus" in found["error"]["message"]


def test_the_log_speaks_json_and_keeps_quiet_on_request(tool: Tool, shared_export: Path) -> None:
    generate = ["generate", shared_export, "--dry-run", "--json"]
    assert tool("--log-format", "json", "--log-level", "info", *generate) == 0
    said = [json.loads(line) for line in tool.err.splitlines() if line != DISCLAIMER]
    assert [one["event"] for one in said if one["event"].startswith("run.")] == ["run.begin", "run.end"]
    assert tool("--quiet", *generate) == 0 and tool.err.splitlines() == [DISCLAIMER]


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
    full = OSError(errno.ENOSPC, "No space for DOE^JANE", "/archive/DOE^JANE.dcm")
    for error, reason in ((full, f": {os.strerror(errno.ENOSPC)}"), (OSError("DOE^JANE"), "")):
        monkeypatch.setattr("cxrreport.store.runs.list_runs", Mock(side_effect=error))
        assert tool("runs", "--json") == 74
        said = f"Reading or writing failed{reason}."
        mend = "Free the disk, or mend its permissions."
        assert json.loads(tool.out) == {"error": {"code": "io", "message": said, "mend": mend}, "exit_code": 74}
        assert tool.err == f"cxrreport: {said} [io]\n  {mend}\n"
