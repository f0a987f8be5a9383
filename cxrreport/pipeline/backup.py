"""The job `backup`: all state of the home in one tar, laid out as the home is."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport import __version__
from cxrreport.errors import StorageError
from cxrreport.files import atomic, printable
from cxrreport.pipeline.upkeep import held_archive
from cxrreport.settings import Settings
from cxrreport.store.engine import current
from cxrreport.store.snapshot import copy_sqlite

if TYPE_CHECKING:
    from sqlalchemy import Engine

DATABASE, FACTS = "cxrreport.db", "backup.json"


def backup(settings: Settings, target: Path) -> dict[str, Any]:
    """Write `target`, whole or not at all: the SQLite database as SQLite's backup API copies it, index, manifests, calibration.

    Of PostgreSQL it holds all but the database: `pg_dump` that. The archive is held meanwhile, so that the parts fit.

    Returns what `backup.json` in it says: version, schema, settings without the password, whether the database is in it.

    Raises
    ------
    StorageError : something cannot be read or written. LockedError : a run is at work.
    """
    with held_archive(settings) as engine:
        facts = _facts(settings, engine)
        try:
            with atomic(target) as file, tarfile.open(file, "w") as tar:
                _add_facts(tar, facts)
                if facts["database_included"]:
                    _add_database(tar, engine, target)
                for path in _parts(settings.home, target):
                    tar.add(path, path.relative_to(settings.home), recursive=False)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise StorageError(f"The backup {printable(target)} cannot be written: {reason}.") from None
    return facts


def _facts(settings: Settings, engine: Engine) -> dict[str, Any]:
    return {
        "version": __version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "schema": current(engine),
        "database": engine.dialect.name,
        "database_included": engine.dialect.name == "sqlite",
        "settings": settings.describe(),
    }


def _add_facts(tar: tarfile.TarFile, facts: dict[str, Any]) -> None:
    content = json.dumps(facts, indent=1).encode()
    member = tarfile.TarInfo(FACTS)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))


def _add_database(tar: tarfile.TarFile, engine: Engine, target: Path) -> None:
    """The copy lies beside `target` for a while; one that a kill left is written anew."""
    with atomic(target.with_name(f"{target.name}.db")) as copy:
        copy_sqlite(engine, copy)
        tar.add(copy, DATABASE)
    copy.with_name(f"{target.name}.db").unlink()


def _parts(home: Path, target: Path) -> Iterator[Path]:
    """Folders and files of the home, in order, but for locks, what is half written, the database and earlier backups."""
    ours = {target.absolute(), target.with_name(f"{target.name}.tmp").absolute()}
    for path in sorted(home.rglob("*")):
        name = path.name
        left_out = name in ("lock", ".lock") or name.endswith((".lock", ".tmp")) or ".tmp-" in str(path)
        is_database = path.parent == home and name.startswith(DATABASE)
        if not (left_out or is_database or path.is_symlink() or path.absolute() in ours):
            yield path
