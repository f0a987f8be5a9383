"""Reports that a study may see: none of its own, of its patient or of its future."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from builders.store import NOON, add_reports, make_report, scan_study
from sqlalchemy import Engine

from cxrreport.store import reports as archive
from cxrreport.store.engine import session

EARLY, LATE = NOON - timedelta(days=3), NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({"reported_at": EARLY}, True),
        ({"reported_at": EARLY, "accession": "A7", "patient_id": "P7"}, True),
        ({"reported_at": LATE}, False),
        ({"reported_at": NOON}, False),
        ({"reported_at": NOON.replace(hour=0)}, False),
        ({"reported_at": EARLY, "study_uid": "1"}, False),
        ({"reported_at": EARLY, "accession": "A1"}, False),
        ({"reported_at": EARLY, "accession": "A1", "patient_id": "P9"}, False),
        ({"reported_at": EARLY, "patient_id": "P1"}, False),
        ({"reported_at": None, "patient_id": "P1"}, False),
        ({"reported_at": EARLY, "study_uid": "2"}, False),
        ({"reported_at": None, "study_uid": "3"}, True),
        ({"reported_at": None, "study_uid": "4"}, False),
        ({"reported_at": None, "accession": "A1"}, False),
        ({"reported_at": None}, None),
        ({"reported_at": None, "study_uid": "77", "patient_id": "P7"}, None),
    ],
)
def test_nothing_of_the_patient_or_the_future_may_be_retrieved(
    engine: Engine, changes: dict[str, Any], may: bool | None
) -> None:
    """None: only where undated reports are asked for."""
    study = scan_study(engine)
    scan_study(engine, "2", "P1", studied_at=EARLY)  # the same patient's earlier study
    scan_study(engine, "3", "P3", studied_at=EARLY)
    scan_study(engine, "4", "P4", studied_at=LATE)
    add_reports(engine, make_report(**changes))
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 99]) == ({1} if may else set())
        assert archive.allowed(current, study, [1, 99], undated=True) == (set() if may is False else {1})


def test_for_an_undated_study_identity_alone_decides(engine: Engine) -> None:
    study = scan_study(engine, studied_at=None)
    add_reports(engine, make_report("a"), make_report("b", patient_id="P1"), make_report("c", reported_at=None))
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 2, 3]) == {1}
        assert archive.allowed(current, study, [1, 2, 3], undated=True) == {1, 3}


def test_one_number_of_another_issuer_is_another_patient(engine: Engine) -> None:
    study = scan_study(engine, issuer="north")
    makes = [make_report(name, reported_at=EARLY, patient_id="P1", issuer=name) for name in ("north", "south", "")]
    add_reports(engine, *makes)
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 2, 3]) == {2}
