"""Additions to a report: none is lost or doubled, in whatever order and however often they are read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from builders import store as builder
from sqlalchemy import Engine, select

from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus
from cxrreport.store import catalogue, passages
from cxrreport.store import reports as archive
from cxrreport.store.engine import session
from cxrreport.store.schema import ReportRow

NOON = datetime(2024, 5, 6, 12, 0)
PRELIMINARY, FINAL, CORRECTED, WITHDRAWN = ReportStatus
WHOLE = Report("feed.hl7", "A1", "A1", findings="No pneumothorax.", impression="Normal.", reported_at=NOON)
FIRST = dataclasses.replace(
    WHOLE, findings="", impression="", addendum="Small pneumothorax.", status=CORRECTED, reported_at=NOON + timedelta(1)
)
SECOND = dataclasses.replace(FIRST, addendum="Ward was told.", reported_at=NOON + timedelta(2))


def add(engine: Engine, *made: Report) -> Counter[str]:
    with session(engine) as current:
        return archive.add_reports(current, [(report, {"edema": State.NEGATIVE}) for report in made], "rules")


def only(engine: Engine) -> ReportRow:
    with session(engine, read_only=True) as current:
        return current.scalars(select(ReportRow)).one()


@pytest.mark.parametrize("order", list(permutations([WHOLE, FIRST, SECOND])), ids=str)
def test_additions_are_kept_in_every_order_and_reading_again_changes_nothing(
    engine: Engine, order: tuple[Report, ...]
) -> None:
    add(engine, *order)
    row = only(engine)
    assert (row.findings, row.impression, row.status) == ("No pneumothorax.", "Normal.", CORRECTED)
    assert sorted((row.addendum or "").split("\n\nAddendum: ")) == ["Small pneumothorax.", "Ward was told."]
    assert (row.reported_at, row.amended_at) == (NOON, NOON + timedelta(2))
    assert row.labels == {}  # to be labelled again, with what was added
    assert add(engine, *order) == Counter(unchanged=3)


def test_an_addition_that_says_it_is_appended_adds_only_what_is_new(engine: Engine) -> None:
    add(engine, WHOLE)
    told = dataclasses.replace(
        WHOLE, findings="", impression="Ward was told.", appended=True, reported_at=SECOND.reported_at
    )
    assert add(engine, told, told) == Counter(replaced=1, unchanged=1)
    assert (only(engine).impression, only(engine).addendum) == ("Normal.", "Ward was told.")
    whole = dataclasses.replace(told, findings="No pneumothorax.", impression="Normal. Ward was told twice.")
    assert add(engine, dataclasses.replace(whole, reported_at=NOON + timedelta(3)))["replaced"] == 1
    assert (only(engine).impression, only(engine).addendum) == ("Normal. Ward was told twice.", None)


def test_an_appended_report_that_is_told_again_with_a_correction_takes_the_place(engine: Engine) -> None:
    typo = dataclasses.replace(WHOLE, findings="The hart is big. Lungs clear.", impression="")
    mended = dataclasses.replace(
        typo, findings="The heart is big. Lungs clear. Small nodule.", appended=True, reported_at=SECOND.reported_at
    )
    add(engine, typo, mended)
    assert (only(engine).findings, only(engine).addendum) == (mended.findings, None)


def test_what_was_denied_since_is_said_again_and_what_is_denied_is_not_said(engine: Engine) -> None:
    said = ["Pneumothorax.", "No pneumothorax.", "Pneumothorax."]
    added = [
        dataclasses.replace(FIRST, addendum=one, reported_at=NOON + timedelta(n + 1)) for n, one in enumerate(said)
    ]
    add(engine, WHOLE, *added)
    assert (only(engine).addendum or "").split("\n\nAddendum: ") == said
    assert add(engine, *added)["unchanged"] == 3


@pytest.mark.parametrize(
    ("stored", "added"),
    [
        (WHOLE, dataclasses.replace(FIRST, addendum="no  PNEUMOTHORAX")),  # says so already
        (
            dataclasses.replace(WHOLE, status=CORRECTED),
            dataclasses.replace(FIRST, reported_at=NOON - timedelta(1)),
        ),  # later
        (WHOLE, dataclasses.replace(FIRST, status=PRELIMINARY)),  # nobody has signed it
        (dataclasses.replace(WHOLE, findings="", impression="", status=WITHDRAWN), FIRST),
    ],
)
def test_what_adds_nothing_changes_nothing(engine: Engine, stored: Report, added: Report) -> None:
    add(engine, stored)
    assert add(engine, added) == Counter(unchanged=1)
    assert only(engine).addendum is None and only(engine).status is stored.status


def test_an_addition_of_the_same_day_without_a_time_is_no_earlier_one(engine: Engine) -> None:
    add(engine, WHOLE, dataclasses.replace(FIRST, reported_at=NOON.replace(hour=0)))
    assert only(engine).addendum == FIRST.addendum


def test_an_addition_with_the_time_of_the_examination_is_no_earlier_one(engine: Engine) -> None:
    before = dataclasses.replace(FIRST, reported_at=NOON - timedelta(hours=1))
    then = dataclasses.replace(SECOND, reported_at=NOON - timedelta(hours=1))
    assert add(engine, WHOLE, before, then) == Counter(added=1, replaced=2)
    assert only(engine).addendum == f"{FIRST.addendum}\n\nAddendum: {SECOND.addendum}"
    assert add(engine, WHOLE, before, then) == Counter(unchanged=3)


def test_a_later_whole_report_takes_the_place_of_what_was_added(engine: Engine) -> None:
    later = dataclasses.replace(WHOLE, findings="Pneumothorax.", status=CORRECTED, reported_at=NOON + timedelta(5))
    add(engine, WHOLE, FIRST, later)
    assert (only(engine).findings, only(engine).addendum) == ("Pneumothorax.", None)
    assert add(engine, WHOLE, FIRST, later) == Counter(unchanged=3)


def test_an_addition_stays_out_of_what_may_be_retrieved_before_it_was_written(engine: Engine) -> None:
    builder.scan(engine, "7", "P7", studied_at=NOON + timedelta(hours=30))
    with session(engine, read_only=True) as current:
        (study,) = catalogue.candidate_studies(current)
    for made, may in (((WHOLE,), {1}), ((FIRST,), {1}), ((SECOND,), set())):
        add(engine, *made)
        with session(engine, read_only=True) as current:
            assert archive.allowed(current, study, [1]) == may
            assert [one.text for one in passages.passages(current, [1])] == [
                "\n\nAddendum: ".join(filter(None, ["Normal.", only(engine).addendum]))
            ]


NUMBERED = dataclasses.replace(WHOLE, patient_id="P1")


@pytest.mark.parametrize(
    "named", [{"patient_id": ""}, {"accession": "", "study_uid": "1.2.3"}, {"study_uid": "1.2.3", "patient_id": ""}]
)
@pytest.mark.parametrize("first", [True, False])
def test_an_addition_that_names_less_finds_its_report(engine: Engine, named: dict[str, str], first: bool) -> None:
    builder.scan(engine, "1.2.3", "P1", accession="A1")
    added = dataclasses.replace(FIRST, **{"patient_id": "P1", **named})
    order = (added, NUMBERED) if first else (NUMBERED, added)
    for report in order:
        add(engine, report)
    row = only(engine)
    assert (row.findings, row.addendum, row.mrn) == ("No pneumothorax.", "Small pneumothorax.", "P1")
    assert add(engine, *order)["unchanged"] == 2


def test_an_addition_that_fits_two_reports_or_none_is_added_to_none(engine: Engine) -> None:
    builder.scan(engine, "1.2.3", "P1", accession="A1")
    other = dataclasses.replace(NUMBERED, patient_id="P2")
    for patient, accession, uid in (("", "A1", ""), ("P3", "A1", ""), ("P1", "A2", ""), ("", "", "1.2.4")):
        stranger = dataclasses.replace(FIRST, patient_id=patient, accession=accession, study_uid=uid)
        assert add(engine, NUMBERED, other, stranger)["added"] >= 1
    with session(engine, read_only=True) as current:
        assert [row.addendum for row in current.scalars(select(ReportRow)) if row.findings] == [None, None]
