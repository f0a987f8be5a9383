"""Weights, index, database, device and settings that do not fit: the exit code tells, before anything is scanned."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.tool import Tool, build_weights, copy_tree


def refused(tool: Tool, code: int, error: str, *arguments: str | Path) -> str:
    """Run a command that must end with `code` without looking at a file; returns the sentence."""
    before = tool.rows("SELECT count(*) FROM file")
    assert tool(*arguments, "--json") == code, tool.err
    document = json.loads(tool.out)
    assert (document["exit_code"], document["error"]["code"]) == (code, error)
    assert tool.rows("SELECT count(*) FROM file") == before
    assert f"cxrreport: {document['error']['message']} [{error}]" in tool.err
    return str(document["error"]["message"])


# -- the index --------------------------------------------------------------------------------------------------------


def test_no_index(tool: Tool, shared_export: Path) -> None:
    message = refused(tool, 78, "index.missing", "generate", shared_export)
    assert "cxrreport index" in message and "--without-retrieval" in message
    assert tool.json("generate", shared_export, "--without-retrieval", "--limit", "1")["drafted"] == 1


def test_an_index_of_other_weights(drafted: Tool, shared_export: Path, tmp_path: Path) -> None:
    again = ("generate", shared_export, "--weights", build_weights(tmp_path / "other", seed=8), "--redo", "weights")
    assert "other weights" in refused(drafted, 78, "index", *again)
    drafted.json("index", "--weights", tmp_path / "other")
    assert drafted.json(*again, "--limit", "1")["drafted"] == 1


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


INDEX_FAULTS: dict[str, Callable[[Path], object]] = {
    "flipped bit": lambda home: flip(next(home.glob("*/text-0.vectors.npy"))),
    "no file": lambda home: next(home.glob("*/text-0.vectors.npy")).unlink(),
    "cut file": lambda home: os.truncate(next(home.glob("*/text-0.vectors.npy")), 100),
    "cut manifest": lambda home: next(home.glob("*/manifest.json")).write_text("{"),
    "pointer to nowhere": lambda home: (home / "CURRENT").write_text("../../etc\n"),
}


@pytest.mark.parametrize("fault", INDEX_FAULTS)
def test_a_damaged_index(drafted: Tool, shared_export: Path, fault: str) -> None:
    INDEX_FAULTS[fault](drafted.home / "index")
    again = ("generate", shared_export, "--redo", "all", "--limit", "1")
    assert "cxrreport index" in refused(drafted, 78, "index", *again)
    drafted.json("index")
    assert drafted.json(*again)["drafted"] == 1


def test_an_empty_archive_of_reports(tool: Tool) -> None:
    assert tool("index", "--json") == 78
    assert json.loads(tool.out)["error"]["code"] == "index.empty"


# -- the weights ------------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights that may be damaged, in use."""
    directory = copy_tree(weights, tmp_path / "weights")
    monkeypatch.setenv("CXRREPORT_WEIGHTS", str(directory))
    return directory


def test_damaged_weights_name_file_and_both_digests(tool: Tool, shared_export: Path, copy: Path) -> None:
    expected = json.loads((copy / "manifest.json").read_text())["files"]["model.safetensors"]
    flip(copy / "model.safetensors")
    actual = hashlib.sha256((copy / "model.safetensors").read_bytes()).hexdigest()
    message = refused(tool, 78, "weights.sha256", "generate", shared_export)
    assert "model.safetensors" in message and expected in message and actual in message


def test_missing_weights(tool: Tool, shared_export: Path, copy: Path, tmp_path: Path) -> None:
    refused(tool, 78, "weights.manifest", "generate", shared_export, "--weights", tmp_path / "none")
    (copy / "views.safetensors").unlink()
    assert "views.safetensors" in refused(tool, 78, "weights.missing", "generate", shared_export)


# -- device, database, settings, usage --------------------------------------------------------------------------------


def test_an_absent_gpu(tool: Tool, shared_export: Path) -> None:
    assert "--device cpu" in refused(tool, 69, "device.missing", "generate", shared_export, "--device", "cuda:99")


def test_a_database_that_does_not_answer(tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXRREPORT_DB_TIMEOUT_S", "1")
    tool.db = "postgresql://cxr:hunter2@127.0.0.1:1/cxr"
    began = time.monotonic()
    assert tool("generate", shared_export, "--json") == 69
    assert time.monotonic() - began < 6
    assert "hunter2" not in tool.out + tool.err
    assert json.loads(tool.out)["error"]["code"] == "unavailable"
    assert tool("status") == 69 and tool("doctor") == 78 and "MEND  database" in tool.out


@pytest.mark.parametrize("url", ["mysql://a:hunter2@b/c", "nonsense hunter2", "sqlite://", "oops://a:hunter2@[::1/b"])
def test_a_database_of_another_kind(tool: Tool, shared_export: Path, url: str) -> None:
    tool.db = url
    assert tool("generate", shared_export) == 78 and "hunter2" not in tool.out + tool.err


def test_a_newer_schema(tool: Tool, shared_export: Path) -> None:
    with tool.connection() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in refused(tool, 78, "schema", "generate", shared_export)
    for command in (["status"], ["runs"], ["show", "A1"], ["index"], ["db", "upgrade"]):
        assert tool(*command) == 78
    assert tool.json("db", "current")["current"] == "9999"


@pytest.mark.parametrize(
    ("content", "said"),
    [("colour = 1", "colour"), ("batch_size = 0", "batch_size"), ("a =", "TOML"), (None, "opened")],
)
def test_settings_that_do_not_fit(
    tool: Tool, shared_export: Path, tmp_path: Path, content: str | None, said: str
) -> None:
    config = tmp_path / "settings.toml"
    if content is not None:
        config.write_text(content)
    assert tool("--config", config, "generate", shared_export) == 78
    assert said in tool.err and "[configuration." in tool.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "/nowhere/at/all"],
        ["generate", "/nowhere/at/all", "--dry-run"],
        ["generate"],
        ["generate", ".", "--since", "yesterday"],
        ["generate", ".", "--limit", "0"],
        ["generate", ".", "--redo", "none"],
        ["index", "/nowhere/at/all"],
        ["index", "--column", "findings"],
        ["index", ".", "--column", "colour=BODY"],
        ["show"],
        ["show", "nobody"],
        ["no-such-command"],
        ["--no-such-option"],
    ],
)
def test_what_cannot_be_asked(tool: Tool, arguments: list[str]) -> None:
    retrieval = ["--without-retrieval"] if arguments[0] == "generate" else []
    assert tool(*arguments, *retrieval) == 2
    assert tool.out == "" and tool.err
