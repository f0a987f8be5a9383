"""Whose study it is: told by any of its files, and moved only where all of them say so."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from typing import Any

import pytest
from builders.store import begin_run, make_instance, save_draft
from sqlalchemy import Engine, insert, select

from cxrreport.records import Instance
from cxrreport.store import filing, identity
from cxrreport.store.engine import session
from cxrreport.store.schema import AuditRow, DraftRow, PatientRow, ReportRow, StudyRow

REPORT = {
    **dict.fromkeys(
        ("source", "external_id", "accession", "study_uid", "issuer", "mrn", "findings", "impression", "comparison",
         "label_source", "identity_sha256", "text_sha256"), "x"
    ),
    "status": "final", "labels": {},
}  # fmt: skip


def record(engine: Engine, instance: Instance) -> str:
    with session(engine) as current:
        return filing.record_instance(current, instance, None, None, lambda *_: filing.Twins("", ""))


def study(engine: Engine) -> StudyRow:
    with session(engine, read_only=True) as current:
        return current.scalars(select(StudyRow)).one()


def test_one_image_may_tell_the_issuer_for_all(engine: Engine) -> None:
    for sop, issuer in (("1.1", ""), ("1.2", "H"), ("1.3", "")):
        assert record(engine, make_instance(sop, issuer=issuer)) == "image"
    with session(engine, read_only=True) as current:
        assert current.get_one(PatientRow, study(engine).patient_id).issuer == "H"
    assert record(engine, make_instance("1.4", issuer="J")) == "patient_conflict"


def test_a_study_is_refiled_where_all_its_files_name_another_patient(engine: Engine) -> None:
    first, second = make_instance("1.1"), make_instance("1.2", studied_at=datetime(2024, 5, 6, 6, 0))
    for made in (first, second):
        record(engine, made)
    save_draft(engine, begin_run(engine), 1)
    with session(engine) as current:
        current.execute(insert(ReportRow).values(REPORT | {"study_id": 1, "patient_id": 1}))
        other = dataclasses.replace(first, patient_id="P2", birth_date=date(1960, 1, 1), accession="B")
        assert not identity.refile_study(current, "1", [other, second])
        also = dataclasses.replace(second, patient_id="P2", studied_at=None)
        assert identity.refile_study(current, "1", [other, also])
    moved = study(engine)
    assert (moved.patient_id, moved.birth_date, moved.accession, moved.studied_at) == (
        2, date(1960, 1, 1), "B", datetime(2024, 5, 6, 7, 8)
    )  # fmt: skip
    with session(engine, read_only=True) as current:
        assert current.scalars(select(DraftRow.status)).all() == ["superseded"]
        assert current.execute(select(ReportRow.study_id, ReportRow.patient_id)).all() == [(None, None)]
        assert current.scalars(select(AuditRow.detail).where(AuditRow.action == "refile")).all() == [
            {"from": 1, "to": 2}
        ]


@pytest.mark.parametrize(
    "change", [{"sex": "M"}, {"birth_date": date(1951, 1, 2)}, {"studied_at": datetime(2023, 5, 6)}, {"accession": "C"}]
)
def test_a_changed_file_that_says_otherwise_of_its_study_is_told(engine: Engine, change: dict[str, Any]) -> None:
    record(engine, make_instance())
    assert record(engine, make_instance(mtime_ns=2)) == "updated"
    assert record(engine, make_instance(mtime_ns=3, **change)) == "corrected"
    assert record(engine, make_instance("1.2", **change)) == "image"
