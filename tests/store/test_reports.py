"""Reports: imported once, linked without guessing, never leaked to their own study."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from store_builders import make_instance

from cxrreport.records import Report, State, Study
from cxrreport.store import catalogue
from cxrreport.store import reports as archive
from cxrreport.store.engine import session

NOON = datetime(2024, 5, 6, 12, 0)
LABELS = {"edema": State.POSITIVE, "fracture": State.BLANK}


def make_report(name: str = "r1", **changes: Any) -> Report:
    fields: dict[str, Any] = {"findings": f"Text of {name}.", "impression": "Edema.", "reported_at": NOON}
    return Report("reports.csv", name, **{**fields, **changes})


def add(engine: Engine, *made: Report) -> archive.AddCounts:
    with session(engine) as current:
        return archive.add_reports(current, [(report, LABELS) for report in made])


def scan(engine: Engine, sop: str = "1.1", study: str = "1", patient: str = "P1", **changes: Any) -> Study:
    with session(engine) as current:
        made = make_instance(sop, study, patient, **{"studied_at": NOON, **changes})
        catalogue.record_instance(current, made, None, None, lambda a, b: True)
        return next(found for found in catalogue.candidate_studies(current) if found.uid == study)


def facts(engine: Engine) -> list[archive.ReportFacts]:
    with session(engine, read_only=True) as current:
        return list(archive.report_facts(current, range(1, 50)).values())


def link(engine: Engine) -> int:
    with session(engine) as current:
        return archive.link_reports(current)


@pytest.mark.parametrize("keys", [{}, {"accession": "A1"}, {"study_uid": "1"}, {"patient_id": "P1"}])
def test_importing_twice_doubles_nothing(engine: Engine, keys: dict[str, str]) -> None:
    made = make_report(**keys)
    assert add(engine, made, made) == archive.AddCounts(added=1, unchanged=1)
    spaced = dataclasses.replace(made, findings=" Text  of\nr1. ")
    assert add(engine, spaced) == archive.AddCounts(unchanged=1)
    (stored,) = facts(engine)
    assert (stored.text, stored.labels, stored.reported_at) == ("Text of r1. Edema.", LABELS, NOON)


def test_a_correction_replaces_in_place_and_an_older_text_does_not(engine: Engine) -> None:
    first = make_report(accession="A1")
    add(engine, first)
    (before,) = facts(engine)
    later = dataclasses.replace(first, findings="Corrected.", source="next.csv", reported_at=NOON + timedelta(hours=1))
    assert add(engine, later).replaced == 1
    assert add(engine, first).unchanged == 1
    (after,) = facts(engine)
    assert (after.report_id, after.findings) == (before.report_id, "Corrected.")


def test_reports_of_two_files_with_one_text_stay_two(engine: Engine) -> None:
    assert add(engine, make_report("a", findings="Same."), make_report("b", findings="Same.")).added == 2


def test_reports_are_linked_when_their_study_is_scanned_later(engine: Engine) -> None:
    add(engine, make_report("u", study_uid="1"), make_report("a", accession="A2"), make_report("x", accession="A9"))
    assert link(engine) == 0
    one, two = scan(engine), scan(engine, "2.1", "2", "P2")
    assert link(engine) == 2
    assert link(engine) == 0
    assert [(f.study_id, f.patient_id) for f in facts(engine)] == [
        (one.id, one.patient_id),
        (two.id, two.patient_id),
        (None, None),
    ]


def test_reports_are_linked_at_import_where_the_study_is_known(engine: Engine) -> None:
    study = scan(engine)
    assert add(engine, make_report(accession="A1", patient_id="P1")).linked == 1
    assert facts(engine)[0].study_id == study.id


def test_an_accession_of_two_studies_links_to_none(engine: Engine) -> None:
    scan(engine, accession="A")
    add(engine, make_report(accession="A"), make_report("p", accession="A", patient_id="P2"))
    assert [f.study_id is None for f in facts(engine)] == [False, True]
    other = scan(engine, "2.1", "2", "P2", accession="A")
    assert link(engine) == 1  # the patient number tells for one; the other's link is undone
    assert [f.study_id for f in facts(engine)] == [None, other.id]


def test_a_report_of_another_patient_is_never_linked(engine: Engine) -> None:
    scan(engine)
    add(engine, make_report("u", study_uid="1", patient_id="P2"), make_report("a", accession="A1", patient_id="P2"))
    add(engine, make_report("i", study_uid="9", accession="A1"))
    assert [f.study_id for f in facts(engine)] == [None, None, None]


def test_the_patient_is_found_without_a_study_but_not_guessed(engine: Engine) -> None:
    north = scan(engine, issuer="north")
    add(engine, make_report("a", patient_id="P1"), make_report("b", patient_id="P1", issuer="south"))
    assert [f.patient_id for f in facts(engine)] == [north.patient_id, None]
    south = scan(engine, "2.1", "2", "P1", issuer="south")
    link(engine)
    assert [f.patient_id for f in facts(engine)] == [north.patient_id, south.patient_id]
    add(engine, make_report("c", patient_id="P1"))
    assert facts(engine)[2].patient_id is None


def test_passages_come_in_order_without_empty_ones(engine: Engine) -> None:
    add(engine, *(make_report(str(n), findings="" if n == 2 else f"F{n}", impression="I3" if n == 3 else "") for n in range(5)))
    with session(engine, read_only=True) as current:
        assert archive.count_reports(current) == 5
        batches = list(archive.iterate_passages(current, batch=2))
    assert [[p.text for p in batch] for batch in batches] == [["F0", "F1"], ["I3"], ["F4"]]


EARLY, LATE = NOON - timedelta(days=3), NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({"reported_at": EARLY}, True),
        ({"reported_at": EARLY, "accession": "A7", "patient_id": "P7"}, True),
        ({"reported_at": LATE}, False),
        ({"reported_at": NOON}, False),
        ({"reported_at": NOON.replace(hour=0)}, False),
        ({"reported_at": None}, True),
        ({"reported_at": EARLY, "study_uid": "1"}, False),
        ({"reported_at": EARLY, "accession": "A1"}, False),
        ({"reported_at": EARLY, "accession": "A1", "patient_id": "P9"}, False),
        ({"reported_at": EARLY, "patient_id": "P1"}, False),
        ({"reported_at": None, "patient_id": "P1"}, False),
        ({"reported_at": EARLY, "study_uid": "2"}, False),
        ({"reported_at": None, "study_uid": "3"}, True),
        ({"reported_at": None, "study_uid": "4"}, False),
    ],
)
def test_nothing_of_the_patient_or_the_future_may_be_retrieved(
    engine: Engine, changes: dict[str, Any], may: bool
) -> None:
    study = scan(engine)
    scan(engine, "2.1", "2", "P1", studied_at=EARLY)  # the same patient's earlier study
    scan(engine, "3.1", "3", "P3", studied_at=EARLY)
    scan(engine, "4.1", "4", "P4", studied_at=LATE)
    add(engine, make_report(**changes))
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 99]) == ({1} if may else set())


def test_for_an_undated_study_identity_alone_decides(engine: Engine) -> None:
    study = scan(engine, studied_at=None)
    add(engine, make_report("a"), make_report("b", patient_id="P1"))
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 2]) == {1}


def test_one_number_of_another_issuer_is_another_patient(engine: Engine) -> None:
    study = scan(engine, issuer="north")
    makes = [make_report(name, reported_at=EARLY, patient_id="P1", issuer=name) for name in ("north", "south", "")]
    add(engine, *makes)
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 2, 3]) == {2}


def test_the_prior_report_is_the_latest_that_could_be_read(engine: Engine) -> None:
    study = scan(engine)
    add(engine, make_report("a", study_uid="1", reported_at=NOON))
    add(engine, make_report("b", study_uid="1", patient_id="P1", reported_at=LATE))
    with session(engine, read_only=True) as current:
        latest = archive.prior_report(current, study.id)
        readable = archive.prior_report(current, study.id, before=LATE)
        assert latest and readable
        assert (latest.findings, readable.findings) == ("Text of b.", "Text of a.")
        assert archive.prior_report(current, study.id, before=NOON) is None
        assert archive.prior_report(current, 999) is None
