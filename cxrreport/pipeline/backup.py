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
from cxrreport.errors import StorageError, UsageError
from cxrreport.files import atomic, printable
from cxrreport.settings import Settings
from cxrreport.store.engine import DATABASE, current, held_archive
from cxrreport.store.snapshot import copy_sqlite

if TYPE_CHECKING:
    from sqlalchemy import Engine

FACTS = "backup.json"


def backup(settings: Settings, target: Path) -> dict[str, Any]:
    """Write `target`, whole or not at all: the SQLite database as SQLite's backup API copies it, index, manifests, calibration.

    Of PostgreSQL it holds all but the database: `pg_dump` that. The archive is held meanwhile, so that the parts fit.

    Returns what `backup.json` in it says: version, schema, settings without the password, whether the database is in it.

    Raises
    ------
    UsageError : `target` would take the place of the database, or of a file of the home.
    StorageError : something cannot be read or written. LockedError : a run is at work.
    """
    with held_archive(settings) as engine:
        _check_target(settings.home, engine, target)
        facts = _facts(settings, engine)
        try:
            with atomic(target) as file, tarfile.open(file, "w") as tar:
                _add_facts(tar, facts)
                if facts["database_included"]:
                    _add_database(tar, engine, target)
                for path in _parts(settings.home):
                    tar.add(path, path.relative_to(settings.home), recursive=False)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise StorageError(f"The backup {printable(target)} cannot be written: {reason}.") from None
    return facts


def _check_target(home: Path, engine: Engine, target: Path) -> None:
    """In the home a backup ends in .tar, as no file of its own does; nowhere may it be the database or a journal of it."""
    place = target.parent.resolve() / target.name
    of_home = place.is_relative_to(home.resolve()) and place.suffix != ".tar"
    database = os.path.realpath(engine.url.database or DATABASE) if engine.dialect.name == "sqlite" else ""
    if of_home or str(place) in [database + ending for ending in ("", "-wal", "-shm", "-journal")]:
        raise UsageError(
            "A backup must not take the place of the database or of a file of the home: name another file."
        )


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
    """The copy lies beside `target` for a while, under a name that no other file has; one that a kill left goes."""
    copy = target.with_name(f"{target.name}.db.tmp")
    copy.unlink(missing_ok=True)
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy_sqlite(engine, copy)
        tar.add(copy, DATABASE)
    finally:
        copy.unlink(missing_ok=True)


def _parts(home: Path) -> Iterator[Path]:
    """Folders and files of the home, in order, but for locks, what is half written, the database and earlier backups."""
    for path in sorted(home.rglob("*")):
        name = path.name
        left_out = name in ("lock", ".lock") or name.endswith((".lock", ".tmp")) or ".tmp-" in str(path)
        is_database = path.parent == home and name.startswith(DATABASE)
        if not (left_out or is_database or path.is_symlink() or _is_backup(path)):
            yield path


def _is_backup(path: Path) -> bool:
    """A tar that begins with the facts, as `_add_facts` writes them first."""
    if path.suffix != ".tar" or not path.is_file():
        return False
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
    except tarfile.TarError:
        return False
    return first is not None and first.name == FACTS
