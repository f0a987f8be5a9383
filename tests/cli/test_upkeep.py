"""`prune` and `backup`."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from builders.tool import Tool

from cxrreport.files import lock


def age(tool: Tool) -> None:
    """Make everything five years older."""
    with tool.connection() as connection:
        connection.exec_driver_sql("UPDATE run SET started_at = '2020-01-01 00:00:00.000000'")
        connection.exec_driver_sql("UPDATE draft SET created_at = '2020-01-01 00:00:00.000000'")


def test_prune_counts_then_removes_rows_and_manifests(drafted: Tool) -> None:
    with drafted.connection() as connection:
        connection.exec_driver_sql("UPDATE draft SET status = 'superseded' WHERE study_id = 1")
    assert drafted("release", "A101") == 0 and drafted("runs") == 0
    age(drafted)
    counted = drafted.json("prune", "--dry-run")
    assert {table: counted["rows"][table] for table in ("draft", "finding", "run")} == {
        "draft": 1,
        "finding": 14,
        "run": 1,
    }
    assert counted["days"] == 400 and drafted.rows("SELECT count(*) FROM draft WHERE study_id = 1") == [1]
    assert drafted.json("prune") == counted
    assert drafted.rows("SELECT count(*) FROM draft WHERE study_id = 1") == [0]
    assert [path.name for path in (drafted.home / "runs").iterdir()] == ["run-000002.json"]
    assert drafted.json("prune", "--retention-days", "9" * 12)["rows"] == {}
    assert drafted.json("prune")["rows"] == {} and drafted.json("prune", "--retention-days", "1")["days"] == 1


def test_a_backup_restores_into_an_empty_home(drafted: Tool, tmp_path: Path, shared_export: Path) -> None:
    file = tmp_path / "out.tar"
    facts = drafted.json("backup", file)
    assert facts["database_included"] and file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["out.tar"]  # nothing half written beside it
    restored = Tool(tmp_path / "restored")
    restored.home.mkdir(mode=0o700)
    with tarfile.open(file) as tar:
        tar.extractall(restored.home, filter="data")
    assert restored.texts() == drafted.texts() and restored.json("index", "--verify")["stale"] == 0
    assert restored.json("generate", shared_export, "--dry-run")["due"] == 0
    assert (restored.home / "cxrreport.db").stat().st_mode & 0o777 == 0o600


def test_a_backup_holds_shared_files_of_the_index_once_and_restores_every_version(
    drafted: Tool, tmp_path: Path, shared_export: Path
) -> None:
    (tmp_path / "late.txt").write_text("FINDINGS: Large pneumothorax.\n\nIMPRESSION: Large pneumothorax.\n")
    before = {one["version"] for one in drafted.json("index", "--list")}
    drafted.json("index", tmp_path / "late.txt")
    drafted.json("backup", tmp_path / "out.tar")
    restored = Tool(tmp_path / "restored")
    restored.home.mkdir(mode=0o700)
    with tarfile.open(tmp_path / "out.tar") as tar:
        vectors = [member for member in tar if member.name.endswith(".vectors.npy")]
        tar.extractall(restored.home, filter="data")
    assert any(member.islnk() for member in vectors)
    assert restored.json("index", "--verify") == drafted.json("index", "--verify")
    older = restored.json("index", "--rollback")["version"]
    assert older in before and restored.json("index", "--verify")["version"] == older
    assert restored.json("index")["embedded"] == 1  # from the older one, which knows no late report
    assert restored("forget", "P1", "--yes") == 0 and restored.json("index", "--verify")["stale"] == 0
    assert restored.json("generate", shared_export, "--redo")["failed"] == {}


def test_a_backup_that_cannot_be_made_leaves_the_old_one(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "out.tar"
    file.write_text("the old one")
    with lock(drafted.home / "lock", "home"):
        assert drafted("backup", file) == 75
    assert drafted("backup", tmp_path / "nowhere" / "out.tar") == 74 and "nowhere/out.tar" in drafted.err
    monkeypatch.setattr("tarfile.TarFile.add", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
    assert drafted("backup", file) == 74 and "No space left" in drafted.err
    assert file.read_text() == "the old one" and [path.name for path in tmp_path.iterdir()] == ["out.tar"]


@pytest.mark.parametrize("name", ["cxrreport.db", "cxrreport.db-wal", "cxrreport", "lock", "name.key", "index/CURRENT"])
def test_a_backup_takes_the_place_of_no_file_of_the_home(drafted: Tool, name: str) -> None:
    before = sorted(drafted.home.iterdir()), drafted.texts()
    assert drafted("backup", drafted.home / name) == 2 and "name another file" in drafted.err
    assert (sorted(drafted.home.iterdir()), drafted.texts()) == before


def test_a_backup_takes_the_place_of_no_database_elsewhere(tool: Tool, tmp_path: Path) -> None:
    database = tmp_path / "elsewhere.db"
    assert tool("--db", f"sqlite:///{database}", "db", "upgrade") == 0
    for name in ("elsewhere.db", "elsewhere.db-wal"):
        assert tool("--db", f"sqlite:///{database}", "backup", tmp_path / name) == 2
    assert tool("--db", f"sqlite:///{database}", "backup", tmp_path / "elsewhere.db.tar") == 0


def test_a_backup_in_the_home_holds_no_earlier_one(drafted: Tool) -> None:
    assert drafted("backup", drafted.home / "1.tar") == drafted("backup", drafted.home / "2.tar") == 0
    with tarfile.open(drafted.home / "2.tar") as tar:
        assert "1.tar" not in tar.getnames() and "cxrreport.db" in tar.getnames()
