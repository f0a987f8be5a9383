"""Reports and studies: linked without guessing, and parted where it is certain no more."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from builders.store import NOON, add_reports, link, make_report, report_rows, scan_study
from sqlalchemy import Engine

EARLY, LATE = NOON - timedelta(days=3), NOON + timedelta(days=1)


def test_reports_are_linked_when_their_study_is_scanned_later(engine: Engine) -> None:
    keys = ({"study_uid": "1"}, {"accession": "A2"}, {"patient_id": "P3", "reported_at": LATE}, {"accession": "A9"})
    assert add_reports(engine, *(make_report(str(key), **key) for key in keys))["linked"] == link(engine) == 0
    scanned = [scan_study(engine), scan_study(engine, "2", "P2"), scan_study(engine, "3", "P3")]
    assert (link(engine), link(engine)) == (3, 0)
    expected = [*((study.id, study.patient_id) for study in scanned), (None, None)]
    assert [(f.study_id, f.patient_id) for f in report_rows(engine)] == expected
    assert (
        add_reports(engine, make_report("now", accession="A1", patient_id="P1"))["linked"] == 1
    )  # where the study is known


def test_an_accession_of_two_studies_links_to_none(engine: Engine) -> None:
    scan_study(engine, accession="A")
    add_reports(engine, make_report(accession="A"), make_report("p", accession="A", patient_id="P2"))
    assert [f.study_id is None for f in report_rows(engine)] == [False, True]
    other = scan_study(engine, "2", "P2", accession="A")
    assert link(engine) == 1  # the patient number tells for one; the other's link is undone
    assert [f.study_id for f in report_rows(engine)] == [None, other.id]


def test_a_report_of_another_patient_is_never_linked(engine: Engine) -> None:
    scan_study(engine)
    add_reports(
        engine, make_report("u", study_uid="1", patient_id="P2"), make_report("a", accession="A1", patient_id="P2")
    )
    add_reports(engine, make_report("i", study_uid="9", accession="A1"))
    assert [f.study_id for f in report_rows(engine)] == [None, None, None]


def test_the_patient_is_found_without_a_study_but_not_guessed(engine: Engine) -> None:
    north = scan_study(engine, issuer="north")
    add_reports(engine, make_report("a", patient_id="P1"), make_report("b", patient_id="P1", issuer="south"))
    assert [f.patient_id for f in report_rows(engine)] == [north.patient_id, None]
    south = scan_study(engine, "2", "P1", issuer="south")
    link(engine)
    assert [f.patient_id for f in report_rows(engine)] == [
        None,
        south.patient_id,
    ]  # whose number it is nobody knows any more
    add_reports(engine, make_report("c", patient_id="P1"))
    assert report_rows(engine)[2].patient_id is None


@pytest.mark.parametrize(
    ("reported_at", "linked"),
    [
        (NOON, True),
        (NOON + timedelta(days=7), True),
        (NOON + timedelta(days=7, minutes=1), False),
        (NOON - timedelta(minutes=1), False),
        (NOON.replace(hour=0), True),  # a day without a time
        (NOON.replace(hour=0) - timedelta(days=1), False),
        (None, False),
    ],
)
def test_patient_and_time_link_to_the_one_study_of_the_week_before(
    engine: Engine, reported_at: datetime | None, linked: bool
) -> None:
    study = scan_study(engine)
    scan_study(engine, "9", "P9")
    counts = add_reports(engine, make_report(patient_id="P1", reported_at=reported_at))
    assert (counts["linked"], counts["ambiguous"]) == (int(linked), 0)
    assert report_rows(engine)[0].study_id == (study.id if linked else None)
    assert report_rows(engine)[0].patient_id == study.patient_id


def test_two_studies_in_the_window_link_to_none_and_are_counted(engine: Engine) -> None:
    scan_study(engine)
    add_reports(engine, make_report("before", patient_id="P1", reported_at=LATE))
    second = scan_study(engine, "2", "P1", studied_at=NOON + timedelta(hours=2))
    assert add_reports(engine, make_report("after", patient_id="P1", reported_at=LATE))["ambiguous"] == 1
    link(engine)  # undoes what was certain before the second study came
    assert [(f.study_id, f.patient_id) for f in report_rows(engine)] == [(None, second.patient_id)] * 2


def test_of_two_studies_of_one_order_the_date_decides(engine: Engine) -> None:
    first = scan_study(engine, accession="S")
    add_reports(engine, make_report("early", accession="S", reported_at=LATE))
    second = scan_study(engine, "2", "P1", accession="S", studied_at=NOON + timedelta(days=150))
    add_reports(engine, make_report("both", accession="S", patient_id="P1", reported_at=NOON + timedelta(days=100)))
    link(engine)
    assert [found.study_id for found in report_rows(engine)] == [first.id, None]
    assert add_reports(
        engine, make_report("late", accession="S", patient_id="P1", reported_at=NOON + timedelta(days=151))
    )
    assert report_rows(engine)[-1].study_id == second.id


@pytest.mark.parametrize(
    ("changes", "of_study", "linked"),
    [
        ({"accession": "A9"}, "A1", False),
        ({"accession": "A9"}, "", True),
        ({}, "A1", True),
        ({"study_uid": "7"}, "A1", False),
    ],
)
def test_another_accession_number_or_study_uid_speaks_against_a_link_by_time(
    engine: Engine, changes: dict[str, str], of_study: str, linked: bool
) -> None:
    scan_study(engine, accession=of_study)
    assert add_reports(engine, make_report(patient_id="P1", **changes))["linked"] == linked


def test_a_placeholder_for_a_patient_neither_links_nor_speaks_against_a_link(engine: Engine) -> None:
    first = scan_study(engine, patient="nobody:1")
    scan_study(engine, "2", "000", studied_at=EARLY)  # of a catalogue that took it for a number
    assert add_reports(engine, make_report("a", patient_id="000", reported_at=EARLY))["linked"] == 0
    assert add_reports(engine, make_report("b", patient_id="000", accession="A1"))["linked"] == 1
    link(engine)
    assert [(f.study_id, f.patient_id) for f in report_rows(engine)] == [(None, None), (first.id, first.patient_id)]
