"""Everything that the database holds of one patient, and its erasure. What hangs on what is read from the foreign keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing

from sqlalchemy import Engine, Table, delete, select, text
from sqlalchemy.orm import Session

from cxrreport.errors import UsageError
from cxrreport.records import names_nobody, visible
from cxrreport.store.columns import Base
from cxrreport.store.engine import batches
from cxrreport.store.outcomes import DeliveryRow
from cxrreport.store.schema import DraftRow, FailureRow, FileRow, ImageRow, PatientRow, ReportRow

Held = Mapping[str, set[int]]  # ids by table


def rows_of_patient(session: Session, number: str, issuer: str | None = None) -> Held:
    """Return the ids of all rows that tell of the patient with this number, by table.

    Among them are reports that no study is linked to, drafts that were compared with a study of the patient, and what
    other drafts refer to of the patient's reports.

    Raises
    ------
    UsageError : nobody has the number, or patients of several issuers have it and `issuer` does not say which is meant.
    """
    found: defaultdict[str, set[int]] = defaultdict(set)
    number = visible(number)  # as it was stored
    patients = _patients(session, number, issuer)
    reports = {} if names_nobody(number) else _unlinked_reports(session, number, issuer)
    if not patients and not reports:
        raise UsageError("No patient of the archive has this number.", "patient.unknown")
    if len({*patients.values(), *filter(None, reports.values())}) > 1:
        raise UsageError("Patients of several issuers have this number: say with --issuer which one is meant.")
    found["patient"].update(patients)
    found["report"].update(reports)
    add_dependent(session, found)
    _add_paths(session, found)
    return {table: ids for table, ids in found.items() if ids}


def _patients(session: Session, number: str, issuer: str | None) -> dict[int, str]:
    """Patient id -> issuer."""
    wanted = [] if issuer is None else [PatientRow.issuer == issuer]
    query = select(PatientRow.id, PatientRow.issuer).where(PatientRow.mrn == number, *wanted)
    return {key: said for key, said in session.execute(query)}


def _unlinked_reports(session: Session, number: str, issuer: str | None) -> dict[int, str]:
    """Report id -> issuer, of those that no patient is known for; one that tells no issuer is of any."""
    wanted = [] if issuer is None else [ReportRow.issuer.in_(["", issuer])]
    query = select(ReportRow.id, ReportRow.issuer).where(ReportRow.mrn == number, *wanted)
    return {key: said for key, said in session.execute(query.where(ReportRow.patient_id.is_(None)))}


def add_dependent(session: Session, found: defaultdict[str, set[int]]) -> None:
    """Add the rows that refer to one that is found already, parents before children."""
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            for batch in batches(found[key.column.table.name]):
                found[table.name].update(session.scalars(select(table.c.id).where(key.parent.in_(batch))))


def _add_paths(session: Session, found: defaultdict[str, set[int]]) -> None:
    """Add what is told of the paths of the images: files that were read before or failed."""
    for batch in batches(paths_of(session, found)):
        for table in (FileRow, FailureRow):
            found[table.__tablename__].update(session.scalars(select(table.id).where(table.path.in_(batch))))


def paths_of(session: Session, held: Held) -> list[str]:
    """Return the paths of the export from which the rows come, in order."""
    paths: set[str] = set()
    for table in (ImageRow, FileRow):
        for batch in batches(held.get(table.__tablename__, ())):
            paths.update(session.scalars(select(table.path).where(table.id.in_(batch))))
    return sorted(paths)


def sources_of(session: Session, held: Held) -> list[str]:
    """Return the names of the files from which the reports come, in order; their folders are not stored."""
    names: set[str] = set()
    for batch in batches(held.get(ReportRow.__tablename__, ())):
        names.update(session.scalars(select(ReportRow.source).where(ReportRow.id.in_(batch))))
    return sorted(names)


def drafted_studies(session: Session, held: Held) -> list[int]:
    """Return the ids of the studies that have a draft among the rows: exports name their files after them."""
    found: set[int] = set()
    for batch in batches(held.get(DraftRow.__tablename__, ())):
        found.update(session.scalars(select(DraftRow.study_id).where(DraftRow.id.in_(batch))))
    return sorted(found)


def targets_of(session: Session, held: Held) -> list[str]:
    """Return the names of the systems that got an object of the drafts, in order."""
    found: set[str] = set()
    for batch in batches(held.get(DeliveryRow.__tablename__, ())):
        query = select(DeliveryRow.target).where(DeliveryRow.id.in_(batch), DeliveryRow.attempts > 0)
        found.update(session.scalars(query))
    return sorted(found)


def erase(session: Session, held: Held) -> None:
    """Delete the rows, children before parents. SQLite overwrites their place in the file."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))
    tables: list[Table] = [table for table in reversed(Base.metadata.sorted_tables) if table.name in held]
    for table in tables:
        for batch in batches(held[table.name]):
            session.execute(delete(table).where(table.c.id.in_(batch)))


def empty_journal(engine: Engine) -> None:
    """Bring what SQLite keeps beside the database file into it, so that no erased row is left there."""
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as connection:  # outside of any transaction
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
