"""A database on a network mount is known by the table of mounts, whatever is mounted within what."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from builders.tool import Tool

from cxrreport.store import engine as store
from cxrreport.store import mounts

TABLE = """rootfs / ext4 rw 0 0
server:/export {base} nfs4 rw,vers=4.2 0 0
/dev/sdb1 {base}/local\\040disk xfs rw 0 0
sshfs#pacs: {base}/pacs fuse.sshfs rw 0 0
broken
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the stub of the table calls NFS."""
    base = tmp_path / "archive"
    base.mkdir()
    (tmp_path / "mounts").write_text(TABLE.format(base=base))
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "mounts")
    return base


def test_the_innermost_mount_decides(base: Path) -> None:
    assert mounts.network_kind(base / "home" / "cxrreport.db") == "nfs4"
    assert mounts.network_kind(base / "local disk" / "cxrreport.db") is None
    assert mounts.network_kind(base / "pacs" / "x") == "fuse.sshfs"
    assert mounts.network_kind(base.with_name("archive2")) is None


def test_a_system_without_a_table_has_no_network_mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "none")
    assert mounts.network_kind(tmp_path) is None


def test_sqlite_on_a_network_mount_has_no_write_ahead_log(base: Path, tmp_path: Path) -> None:
    for home, mode in ((base, "delete"), (tmp_path / "local", "wal")):
        store.open_database(None, home, 1).dispose()
        with sqlite3.connect(home / "cxrreport.db") as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)


def test_the_doctor_names_the_mount(base: Path, tool: Tool, sqlite_template: bytes) -> None:
    (base / "cxrreport.db").write_bytes(sqlite_template)
    tool.home = base
    assert tool("doctor") == 0 and "network mount (nfs4)" in tool.out
