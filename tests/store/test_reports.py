"""Reports: imported once, linked without guessing, never leaked to their own study."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import store as builder
from sqlalchemy import Engine, select, text

from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus, Study
from cxrreport.store import catalogue, linking
from cxrreport.store import reports as archive
from cxrreport.store.engine import session
from cxrreport.store.schema import ReportRow

NOON = datetime(2024, 5, 6, 12, 0)
EARLY, LATE = NOON - timedelta(days=3), NOON + timedelta(days=1)
LABELS = {"edema": State.POSITIVE, "fracture": State.BLANK}


def make_report(name: str = "r1", **changes: Any) -> Report:
    fields: dict[str, Any] = {"findings": f"Text of {name}.", "impression": "Edema.", "reported_at": NOON}
    return Report("reports.csv", name, **{**fields, **changes})


def add(engine: Engine, *made: Report, source: str = "old") -> Counter[str]:
    with session(engine) as current:
        return archive.add_reports(current, [(report, LABELS) for report in made], source)


def scan(engine: Engine, study: str = "1", patient: str = "P1", **changes: Any) -> Study:
    builder.scan(engine, study, patient, **{"studied_at": NOON, **changes})
    with session(engine, read_only=True) as current:
        return next(found for found in catalogue.candidate_studies(current) if found.uid == study)


def test_a_report_that_comes_again_fills_in_why(engine: Engine) -> None:
    for report, expected in (
        (make_report(), None),
        (make_report(indication="Cough"), "Cough"),
        (make_report(), "Cough"),
        (make_report(findings="Other.", indication="Fever", reported_at=LATE), "Fever"),
        (make_report(findings="Other.", indication="Old", reported_at=EARLY), "Fever"),
        (make_report(findings="", impression="", status=ReportStatus.WITHDRAWN, reported_at=LATE), None),
    ):
        add(engine, report)
        assert [row.indication for row in facts(engine)] == [expected]


def facts(engine: Engine) -> list[ReportRow]:
    with session(engine, read_only=True) as current:
        return list(current.scalars(select(ReportRow).order_by(ReportRow.id)))


def link(engine: Engine) -> int:
    with session(engine) as current:
        return linking.link_reports(current)


@pytest.mark.parametrize("keys", [{}, {"accession": "A1"}, {"study_uid": "1"}, {"patient_id": "P1"}])
def test_importing_twice_doubles_nothing(engine: Engine, keys: dict[str, str]) -> None:
    made = make_report(**keys)
    assert add(engine, made, made) == Counter(added=1, unchanged=1)
    spaced = dataclasses.replace(made, findings=" Text  of\nr1. ")
    assert add(engine, spaced) == Counter(unchanged=1)
    (stored,) = facts(engine)
    assert (stored.findings, stored.impression) == ("Text of r1.", "Edema.")
    assert (stored.labels, stored.reported_at) == (LABELS, NOON)


def test_reports_of_two_files_with_one_text_stay_two(engine: Engine) -> None:
    assert add(engine, make_report("a", findings="Same."), make_report("b", findings="Same."))["added"] == 2


def test_reports_are_linked_when_their_study_is_scanned_later(engine: Engine) -> None:
    keys = ({"study_uid": "1"}, {"accession": "A2"}, {"patient_id": "P3", "reported_at": LATE}, {"accession": "A9"})
    assert add(engine, *(make_report(str(key), **key) for key in keys))["linked"] == link(engine) == 0
    scanned = [scan(engine), scan(engine, "2", "P2"), scan(engine, "3", "P3")]
    assert (link(engine), link(engine)) == (3, 0)
    expected = [*((study.id, study.patient_id) for study in scanned), (None, None)]
    assert [(f.study_id, f.patient_id) for f in facts(engine)] == expected
    assert add(engine, make_report("now", accession="A1", patient_id="P1"))["linked"] == 1  # where the study is known


def test_an_accession_of_two_studies_links_to_none(engine: Engine) -> None:
    scan(engine, accession="A")
    add(engine, make_report(accession="A"), make_report("p", accession="A", patient_id="P2"))
    assert [f.study_id is None for f in facts(engine)] == [False, True]
    other = scan(engine, "2", "P2", accession="A")
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
    south = scan(engine, "2", "P1", issuer="south")
    link(engine)
    assert [f.patient_id for f in facts(engine)] == [None, south.patient_id]  # whose number it is nobody knows any more
    add(engine, make_report("c", patient_id="P1"))
    assert facts(engine)[2].patient_id is None


# -- status -----------------------------------------------------------------------------------------------------------

PRELIMINARY, FINAL, CORRECTED, WITHDRAWN = ReportStatus


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
    add(engine, first)
    add(engine, dataclasses.replace(first, status=new, findings="New.", reported_at=then))
    assert stored(engine) == ((new, "New.") if holds else (old, "Old."))


def test_reading_a_log_again_ends_the_same_and_replaces_nothing(engine: Engine) -> None:
    base = make_report(accession="A1")
    log = [dataclasses.replace(base, findings=f"{s}.", status=s) for s in (PRELIMINARY, FINAL, CORRECTED)]
    assert add(engine, *log) == Counter(added=1, replaced=2)
    assert add(engine, *log) == Counter(unchanged=3)
    assert stored(engine) == ("corrected", "corrected.")


def test_a_withdrawn_report_is_nowhere_to_be_found(engine: Engine) -> None:
    study = scan(engine, "2", "P2", studied_at=LATE + timedelta(days=2))
    scan(engine)
    held = make_report(accession="A1", patient_id="P1")
    add(engine, held)
    gone = dataclasses.replace(held, status=WITHDRAWN, findings="", impression="", reported_at=LATE)
    assert add(engine, gone) == Counter(replaced=1, withdrawn=1, linked=1)
    assert add(engine, held)["unchanged"] == 1
    with session(engine, read_only=True) as current:
        assert archive.passages(current) == []
        assert archive.allowed(current, study, [1], undated=True) == set()
    (facts_left,) = facts(engine)
    assert (facts_left.findings, facts_left.impression, facts_left.labels) == ("", "", {})


def test_a_report_with_and_without_its_study_uid_is_one(engine: Engine) -> None:
    bare = make_report("hl7", accession="A1", patient_id="P1")
    both = dataclasses.replace(bare, study_uid="1.2.3", source="sr.dcm")
    uid_alone = dataclasses.replace(both, accession="", source="fhir.json")
    assert add(engine, bare)["added"] == 1
    assert add(engine, both)["unchanged"] == 1
    assert add(engine, dataclasses.replace(both, findings="Corrected.", reported_at=LATE))["replaced"] == 1
    assert add(engine, uid_alone)["unchanged"] == 1
    other = dataclasses.replace(both, study_uid="1.2.4", reported_at=LATE)
    assert add(engine, other)["added"] == 1  # one accession number, another study


# -- patient and time -------------------------------------------------------------------------------------------------


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
    study = scan(engine)
    scan(engine, "9", "P9")
    counts = add(engine, make_report(patient_id="P1", reported_at=reported_at))
    assert (counts["linked"], counts["ambiguous"]) == (int(linked), 0)
    assert facts(engine)[0].study_id == (study.id if linked else None)
    assert facts(engine)[0].patient_id == study.patient_id


def test_two_studies_in_the_window_link_to_none_and_are_counted(engine: Engine) -> None:
    scan(engine)
    add(engine, make_report("before", patient_id="P1", reported_at=LATE))
    second = scan(engine, "2", "P1", studied_at=NOON + timedelta(hours=2))
    assert add(engine, make_report("after", patient_id="P1", reported_at=LATE))["ambiguous"] == 1
    link(engine)  # undoes what was certain before the second study came
    assert [(f.study_id, f.patient_id) for f in facts(engine)] == [(None, second.patient_id)] * 2


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
    scan(engine, accession=of_study)
    assert add(engine, make_report(patient_id="P1", **changes))["linked"] == linked


def test_a_placeholder_for_a_patient_neither_links_nor_speaks_against_a_link(engine: Engine) -> None:
    first = scan(engine, patient="nobody:1")
    scan(engine, "2", "000", studied_at=EARLY)  # of a catalogue that took it for a number
    assert add(engine, make_report("a", patient_id="000", reported_at=EARLY))["linked"] == 0
    assert add(engine, make_report("b", patient_id="000", accession="A1"))["linked"] == 1
    link(engine)
    assert [(f.study_id, f.patient_id) for f in facts(engine)] == [(None, None), (first.id, first.patient_id)]


def test_passages_come_in_order_without_empty_ones(engine: Engine) -> None:
    add(
        engine,
        *(make_report(str(n), findings="" if n == 2 else f"F{n}", impression="I3" if n == 3 else "") for n in range(5)),
    )
    with session(engine, read_only=True) as current:
        first = archive.passages(current, limit=2)
        rest = archive.passages(current, after_id=first[-1].report_id, limit=9)
    assert [p.text for p in first] == ["F0", "F1"]
    assert [p.text for p in rest] == ["I3", "F4"]


def test_texts_come_in_order_with_both_sections_but_of_nothing_withdrawn(engine: Engine) -> None:
    add(engine, make_report("A"), make_report("B", findings="", impression=" "), make_report("C", accession="C"))
    add(engine, make_report("gone", accession="C", status=WITHDRAWN, findings="", impression=""), make_report("D"))
    with session(engine, read_only=True) as current:
        first = archive.texts(current, 0, 1)
        rest = archive.texts(current, first[-1].report_id, 9)
    assert [(text.findings, text.impression) for text in first + rest] == [
        ("Text of A.", "Edema."), ("Text of D.", "Edema."),
    ]  # fmt: skip


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
    study = scan(engine)
    scan(engine, "2", "P1", studied_at=EARLY)  # the same patient's earlier study
    scan(engine, "3", "P3", studied_at=EARLY)
    scan(engine, "4", "P4", studied_at=LATE)
    add(engine, make_report(**changes))
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 99]) == ({1} if may else set())
        assert archive.allowed(current, study, [1, 99], undated=True) == (set() if may is False else {1})


def test_for_an_undated_study_identity_alone_decides(engine: Engine) -> None:
    study = scan(engine, studied_at=None)
    add(engine, make_report("a"), make_report("b", patient_id="P1"), make_report("c", reported_at=None))
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 2, 3]) == {1}
        assert archive.allowed(current, study, [1, 2, 3], undated=True) == {1, 3}


def test_one_number_of_another_issuer_is_another_patient(engine: Engine) -> None:
    study = scan(engine, issuer="north")
    makes = [make_report(name, reported_at=EARLY, patient_id="P1", issuer=name) for name in ("north", "south", "")]
    add(engine, *makes)
    with session(engine, read_only=True) as current:
        assert archive.allowed(current, study, [1, 2, 3]) == {2}


# -- labels -----------------------------------------------------------------------------------------------------------


def outdated(engine: Engine, source: str, after_id: int = 0, limit: int = 10) -> list[archive.StoredText]:
    with session(engine, read_only=True) as current:
        return archive.outdated_labels(current, source, after_id, limit)


def test_only_what_another_source_labelled_is_outdated(engine: Engine) -> None:
    add(engine, make_report("A"), make_report("B"))
    add(engine, make_report("C"), source="new")
    found = outdated(engine, "new")
    assert [text.findings for text in found] == ["Text of A.", "Text of B."] and found[0].impression == "Edema."
    assert [text.findings for text in outdated(engine, "old")] == ["Text of C."]
    assert outdated(engine, "new", limit=1) == found[:1] and outdated(engine, "new", found[0].report_id) == found[1:]
    add(engine, make_report("A"), make_report("B"), source="new")  # importing again labels with the new source
    assert outdated(engine, "new") == []


def test_new_labels_take_the_place_of_the_old_ones_but_of_nothing_withdrawn(engine: Engine) -> None:
    add(engine, make_report("A"), make_report("B"), make_report("C", accession="C"))
    add(engine, make_report("gone", accession="C", status=WITHDRAWN, findings=""))
    first, second = outdated(engine, "new")
    with session(engine) as current:
        archive.set_labels(current, {first.report_id: {"edema": State.NEGATIVE}}, "new")
        archive.set_labels(current, {}, "new")
    assert [(row.labels, row.label_source) for row in facts(engine)] == [
        ({"edema": "negative"}, "new"), (LABELS, "old"), ({}, ""),
    ]  # fmt: skip
    assert outdated(engine, "new") == [second]
