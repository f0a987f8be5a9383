"""What an administrator does to the archive between the runs: held as a run holds it, and told in the audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cxrreport.files import lock
from cxrreport.settings import Settings
from cxrreport.store.attempts import clear_failures, past_attempts
from cxrreport.store.engine import hold_archive, open_archive, session
from cxrreport.store.runs import append_audit
from cxrreport.store.views import find_study

if TYPE_CHECKING:
    from sqlalchemy import Engine


@contextmanager
def held_archive(settings: Settings) -> Iterator[Engine]:
    """Open the archive and hold it for this process alone.

    Raises
    ------
    LockedError : a run is at work. SchemaError, UnavailableError, StorageError, ConfigurationError : see `open_archive`.
    """
    with open_archive(settings, make=False) as engine, lock(settings.home / "lock", "home"), hold_archive(engine):
        yield engine


def release(settings: Settings, study_key: str) -> bool:
    """Forget the failed attempts at a study, so that the next run tries it again; tells whether it was in quarantine.

    Raises
    ------
    UsageError : no study, or more than one, is named so.
    """
    with held_archive(settings) as engine, session(engine) as s:
        study_id = find_study(s, study_key).id
        quarantined = past_attempts(s, [study_id]).get(study_id, 0) is None
        clear_failures(s, [study_id])
        append_audit(s, "cxrreport", "release", f"study {study_id}", {"quarantined": quarantined})
    return quarantined
