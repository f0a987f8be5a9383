"""A patient is erased whole, and nobody else is touched."""

from __future__ import annotations

import pytest
from builders.store import begin_run, save_draft, scan
from sqlalchemy import Engine, insert, select

from cxrreport.errors import UsageError
from cxrreport.records import Failure, View
from cxrreport.store import runs
from cxrreport.store.engine import session
from cxrreport.store.forgetting import empty_journal, erase, paths_of, rows_of_patient
from cxrreport.store.schema import Base, DraftRow, ReferenceRow, ReportRow


def report(s, number: int, mrn: str = "", issuer: str = "", **links: int) -> int:
    digests = {"identity_sha256": f"i{number}", "text_sha256": f"t{number}"}
    blank = dict.fromkeys(
        ("source", "external_id", "accession", "study_uid", "findings", "impression", "comparison"), ""
    )
    row = ReportRow(**blank, **digests, mrn=mrn, issuer=issuer, status="final", labels={}, label_source="", **links)
    s.add(row)
    s.flush()
    return row.id


def everything(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with session(engine, read_only=True) as s:
        return {table.name: s.execute(select(table.c.id)).all() for table in Base.metadata.sorted_tables}


def test_all_rows_of_a_patient_go_and_no_other(engine: Engine) -> None:
    scan(engine, "2", "P2", View.PA)
    run_id = begin_run(engine)
    save_draft(engine, run_id, 1)
    with session(engine) as s:
        theirs = report(s, 1, "P2", patient_id=1, study_id=1)
        s.execute(insert(ReferenceRow).values(draft_id=1, rank=1, report_id=theirs, score=1.0, weight=1.0))
    before = everything(engine)
    scan(engine, "1", "P1", View.PA)
    save_draft(engine, run_id, 2)
    save_draft(engine, run_id, 1, "Compared.", prior=2)  # as if the study had been another patient's once
    with session(engine) as s:
        mine = [report(s, 2, "P1"), report(s, 3, "P1", patient_id=2), report(s, 4, study_id=2)]
        for rank, key in enumerate(mine, 2):
            s.execute(insert(ReferenceRow).values(draft_id=1, rank=rank, report_id=key, score=1.0, weight=1.0))
        runs.add_failures(s, run_id, [Failure("pixels.truncated", "x", path="/export/1.1.dcm")])
    with session(engine) as s:
        held = rows_of_patient(s, " P1\ufeff")
        assert paths_of(s, held) == ["/export/1.1.dcm"] and held["report"] == set(mine)
        erase(s, held)
    empty_journal(engine)
    assert everything(engine) == before
    with session(engine, read_only=True) as s:
        assert s.scalars(select(DraftRow.findings)).all() == ["F"]


def test_a_number_that_several_issuers_use_needs_the_issuer(engine: Engine) -> None:
    scan(engine, "1", "P1", issuer="A")
    scan(engine, "2", "P1", issuer="B")
    with session(engine) as s:
        anybody, of_b = report(s, 1, "P1"), report(s, 2, "P1", "B", patient_id=2)
        with pytest.raises(UsageError, match="--issuer"):
            rows_of_patient(s, "P1")
        assert rows_of_patient(s, "P1", "A")["report"] == {anybody} and of_b


@pytest.mark.parametrize("number", ["P9", "", "000", "UNKNOWN"])
def test_a_number_of_nobody_is_refused(engine: Engine, number: str) -> None:
    with session(engine) as s:
        report(s, 1, number if number != "P9" else "P1")
        with pytest.raises(UsageError, match="No patient"):
            rows_of_patient(s, number)
