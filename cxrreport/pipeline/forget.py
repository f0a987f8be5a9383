"""The job `forget`: erase a patient from the database and from the index."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

from cxrreport.retrieval.removal import remove_reports, versions_with
from cxrreport.settings import Settings
from cxrreport.store.engine import held_archive, session
from cxrreport.store.forgetting import (
    drafted_studies,
    empty_journal,
    erase,
    paths_of,
    rows_of_patient,
    sources_of,
    targets_of,
)
from cxrreport.store.hold import hold_sending
from cxrreport.store.runs import append_audit


def forget(settings: Settings, number: str, issuer: str | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Erase all that is held of the patient with this number: first from the index, then from the database, as one transaction.

    A kill between the two leaves an index that lacks vectors, and the next call goes on.

    Returns
    -------
    `rows` by table, `index_versions` that held a report, `files` of the export, and `report_files`, the names of those
    from which the reports came, wherever they lie. Neither is ever touched: what still lies there is read again by the
    next `generate` and `index`. `exported_studies` are the ids that the files of an `export` are named after, and
    `sent_to` the systems that objects were sent to.

    Raises
    ------
    UsageError : nobody has the number, or several issuers use it. LockedError : a run is at work, or a call that sends.
    """
    with held_archive(settings) as engine, nullcontext() if dry_run else hold_sending(engine):
        with session(engine, read_only=True) as s:
            held = rows_of_patient(s, number, issuer)
            files = [path for path in paths_of(s, held) if os.path.lexists(path)]
            report_files = sources_of(s, held)
            out = {"exported_studies": drafted_studies(s, held), "sent_to": targets_of(s, held)}
        reports = held.get("report", set())
        rows = {table: len(ids) for table, ids in sorted(held.items())}
        versions = (versions_with if dry_run else remove_reports)(settings.index_directory, reports)
        told = {"rows": rows, "index_versions": len(versions), "files": files, "report_files": report_files}
        told.update(out)
        if not dry_run:
            with session(engine) as s:
                erase(s, held)
                append_audit(s, "cxrreport", "forget", "a patient", {"rows": rows})
            empty_journal(engine)
    return told
