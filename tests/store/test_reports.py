"""Reports: imported once, the one that holds, its labels, and texts in order."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import timedelta

import pytest
from builders.store import LABELS, NOON, add_reports, make_report, report_rows, scan_study
from sqlalchemy import Engine, text

from cxrreport.findings import State
from cxrreport.records import ReportStatus
from cxrreport.store import passages
from cxrreport.store import reports as archive
from cxrreport.store.engine import session

EARLY, LATE = NOON - timedelta(days=3), NOON + timedelta(days=1)
PRELIMINARY, FINAL, CORRECTED, WITHDRAWN = ReportStatus


def test_a_report_that_comes_again_fills_in_why(engine: Engine) -> None:
    for report, expected in (
        (make_report(), None),
        (make_report(indication="Cough"), "Cough"),
        (make_report(), "Cough"),
        (make_report(findings="Other.", indication="Fever", reported_at=LATE), "Fever"),
        (make_report(findings="Other.", indication="Old", reported_at=EARLY), "Fever"),
        (make_report(findings="", impression="", status=ReportStatus.WITHDRAWN, reported_at=LATE), None),
    ):
        add_reports(engine, report)
        assert [row.indication for row in report_rows(engine)] == [expected]


@pytest.mark.parametrize("keys", [{}, {"accession": "A1"}, {"study_uid": "1"}, {"patient_id": "P1"}])
def test_importing_twice_doubles_nothing(engine: Engine, keys: dict[str, str]) -> None:
    made = make_report(**keys)
    assert add_reports(engine, made, made) == Counter(added=1, unchanged=1)
    spaced = dataclasses.replace(made, findings=" Text  of\nr1. ")
    assert add_reports(engine, spaced) == Counter(unchanged=1)
    (stored,) = report_rows(engine)
    assert (stored.findings, stored.impression) == ("Text of r1.", "Edema.")
    assert (stored.labels, stored.reported_at) == (LABELS, NOON)


def test_reports_of_two_files_with_one_text_stay_two(engine: Engine) -> None:
    assert add_reports(engine, make_report("a", findings="Same."), make_report("b", findings="Same."))["added"] == 2


def stored(engine: Engine) -> tuple[str, str]:
    with session(engine, read_only=True) as current:
        row = current.execute(text("SELECT status, findings FROM report")).one()
    return row[0], row[1]


@pytest.mark.parametrize(
    ("old", "new", "later_h", "holds"),
    [
        (PRELIMINARY, FINAL, 1, True),
        (PRELIMINARY, FINAL, -1, True),
        (FINAL, PRELIMINARY, 1, False),
        (CORRECTED, PRELIMINARY, 1, False),
        (FINAL, FINAL, 1, True),
        (FINAL, FINAL, -1, False),
        (FINAL, CORRECTED, 0, True),
        (FINAL, CORRECTED, -1, False),
        (CORRECTED, FINAL, 0, False),
        (CORRECTED, FINAL, None, False),
        (CORRECTED, FINAL, 1, True),
        (FINAL, WITHDRAWN, 0, True),
        (WITHDRAWN, FINAL, -1, False),
        (WITHDRAWN, FINAL, 0, False),
        (WITHDRAWN, FINAL, 1, True),
        (WITHDRAWN, PRELIMINARY, 1, True),
    ],
)
def test_status_and_time_tell_which_report_holds(
    engine: Engine, old: ReportStatus, new: ReportStatus, later_h: int | None, holds: bool
) -> None:
    first = make_report("old", accession="A1", status=old, findings="Old.")
    then = None if later_h is None else NOON + timedelta(hours=later_h)
    add_reports(engine, first)
    add_reports(engine, dataclasses.replace(first, status=new, findings="New.", reported_at=then))
    assert stored(engine) == ((new, "New.") if holds else (old, "Old."))


def test_reading_a_log_again_ends_the_same_and_replaces_nothing(engine: Engine) -> None:
    base = make_report(accession="A1")
    log = [dataclasses.replace(base, findings=f"{s}.", status=s) for s in (PRELIMINARY, FINAL, CORRECTED)]
    assert add_reports(engine, *log) == Counter(added=1, replaced=2)
    assert add_reports(engine, *log) == Counter(unchanged=3)
    assert stored(engine) == ("corrected", "corrected.")


def test_a_withdrawn_report_is_nowhere_to_be_found(engine: Engine) -> None:
    study = scan_study(engine, "2", "P2", studied_at=LATE + timedelta(days=2))
    scan_study(engine)
    held = make_report(accession="A1", patient_id="P1")
    add_reports(engine, held)
    gone = dataclasses.replace(held, status=WITHDRAWN, findings="", impression="", reported_at=LATE)
    assert add_reports(engine, gone) == Counter(replaced=1, withdrawn=1, linked=1)
    assert add_reports(engine, held)["unchanged"] == 1
    with session(engine, read_only=True) as current:
        assert passages.text_blocks(current) == [] and passages.passages(current, [1]) == []
        assert archive.allowed(current, study, [1], undated=True) == set()
    (facts_left,) = report_rows(engine)
    assert (facts_left.findings, facts_left.impression, facts_left.labels) == ("", "", {})


def test_a_report_with_and_without_its_study_uid_is_one(engine: Engine) -> None:
    bare = make_report("hl7", accession="A1", patient_id="P1")
    both = dataclasses.replace(bare, study_uid="1.2.3", source="sr.dcm")
    uid_alone = dataclasses.replace(both, accession="", source="fhir.json")
    assert add_reports(engine, bare)["added"] == 1
    assert add_reports(engine, both)["unchanged"] == 1
    assert add_reports(engine, dataclasses.replace(both, findings="Corrected.", reported_at=LATE))["replaced"] == 1
    assert add_reports(engine, uid_alone)["unchanged"] == 1
    other = dataclasses.replace(both, study_uid="1.2.4", reported_at=LATE)
    assert add_reports(engine, other)["added"] == 1  # one accession number, another study


def test_texts_come_in_order_with_both_sections_but_of_nothing_withdrawn(engine: Engine) -> None:
    add_reports(
        engine, make_report("A"), make_report("B", findings="", impression=" "), make_report("C", accession="C")
    )
    add_reports(
        engine, make_report("gone", accession="C", status=WITHDRAWN, findings="", impression=""), make_report("D")
    )
    with session(engine, read_only=True) as current:
        first = archive.texts(current, 0, 1)
        rest = archive.texts(current, first[-1].report_id, 9)
    assert [(text.findings, text.impression) for text in first + rest] == [
        ("Text of A.", "Edema."), ("Text of D.", "Edema."),
    ]  # fmt: skip


def outdated(engine: Engine, source: str, after_id: int = 0, limit: int = 10) -> list[archive.StoredText]:
    with session(engine, read_only=True) as current:
        return archive.outdated_labels(current, source, after_id, limit)


def test_only_what_another_source_labelled_is_outdated(engine: Engine) -> None:
    add_reports(engine, make_report("A"), make_report("B"))
    add_reports(engine, make_report("C"), source="new")
    found = outdated(engine, "new")
    assert [text.findings for text in found] == ["Text of A.", "Text of B."] and found[0].impression == "Edema."
    assert [text.findings for text in outdated(engine, "old")] == ["Text of C."]
    assert outdated(engine, "new", limit=1) == found[:1] and outdated(engine, "new", found[0].report_id) == found[1:]
    add_reports(engine, make_report("A"), make_report("B"), source="new")  # importing again labels with the new source
    assert outdated(engine, "new") == []


def test_new_labels_take_the_place_of_the_old_ones_but_of_nothing_withdrawn(engine: Engine) -> None:
    add_reports(engine, make_report("A"), make_report("B"), make_report("C", accession="C"))
    add_reports(engine, make_report("gone", accession="C", status=WITHDRAWN, findings=""))
    first, second = outdated(engine, "new")
    with session(engine) as current:
        archive.set_labels(current, {first.report_id: {"edema": State.NEGATIVE}}, "new")
        archive.set_labels(current, {}, "new")
    assert [(row.labels, row.label_source) for row in report_rows(engine)] == [
        ({"edema": "negative"}, "new"), (LABELS, "old"), ({}, ""),
    ]  # fmt: skip
    assert outdated(engine, "new") == [second]
