"""The job `prune`: remove what has served its time from the database, the index and the manifests of runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cxrreport.log import manifest_path
from cxrreport.retrieval import publish
from cxrreport.retrieval.versions import list_versions, storage_errors
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, session
from cxrreport.store.forgetting import erase
from cxrreport.store.pruning import outdated
from cxrreport.store.runs import TOOL, append_audit

_FOR_EVER = 36500  # days: a date that can be reckoned with, before anything was


def prune(settings: Settings, dry_run: bool = False) -> dict[str, Any]:
    """Remove superseded drafts, runs and versions of the index that are older than `retention_days`.

    Returns the counts: `rows` by table, `index_versions`, and the `days` that were kept.
    """
    before = datetime.now(UTC) - timedelta(days=min(settings.retention_days, _FOR_EVER))
    versions = _old_versions(settings, before)
    with held_archive(settings) as engine:
        with session(engine, read_only=dry_run) as s:
            found = outdated(s, before)
            rows = {table: len(ids) for table, ids in sorted(found.items())}
            told = {"days": settings.retention_days, "rows": rows, "index_versions": len(versions)}
            if not dry_run:
                erase(s, found)
                append_audit(s, TOOL, "prune", "archive", told)
        if not dry_run:
            _remove_files(settings, found.get("run", set()), versions)
    return told


def _old_versions(settings: Settings, before: datetime) -> list[str]:
    """Versions that do not serve and were made before a moment."""
    home = settings.index_directory
    serving = publish.current(home)
    return [m.version for m in list_versions(home) if m.version != serving and _made(m.created_at) < before]


def _made(created_at: str) -> datetime:
    return datetime.fromisoformat(created_at)


def _remove_files(settings: Settings, runs: set[int], versions: list[str]) -> None:
    for run_id in runs:
        manifest_path(settings.home, run_id).unlink(missing_ok=True)
    if versions:
        home = settings.index_directory
        with storage_errors(home), publish.lock(home):
            for version in versions:
                publish.remove(home, version)
