"""Which studies of the catalogue are asked for: by page, date, patient and age."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

from builders.store import begin_run, make_entry, make_instance, record_image, save_draft
from sqlalchemy import Engine, select

from cxrreport.store import catalogue
from cxrreport.store.engine import session
from cxrreport.store.schema import PatientRow


def seed_studies(engine: Engine) -> None:
    """Six studies of two patients; study 4 has no usable image, study 5 no date."""
    for number in range(6):
        moment = None if number == 5 else datetime(2024, 1, 10 - number, 23, 59)
        made = make_instance(f"{number}.1", f"{number}", f"P{number % 2}", studied_at=moment)
        record_image(engine, made, reason="x" if number == 4 else None)
        record_image(
            engine, dataclasses.replace(made, sop_uid=f"{number}.2", file=make_entry(f"/{number}.2")), reason="x"
        )


def test_candidates_come_in_pages_by_id_with_usable_images(engine: Engine) -> None:
    seed_studies(engine)
    with session(engine, read_only=True) as current:
        first = catalogue.candidate_studies(current, limit=3)
        rest = catalogue.candidate_studies(current, after_id=first[-1].id, limit=3)
    assert [found.uid for found in first + rest] == ["0", "1", "2", "3", "5"]
    assert [[i.sop_uid for i in found.images] for found in first] == [["0.1"], ["1.1"], ["2.1"]]
    assert first[0].accession == "A0"


def test_candidates_by_date_and_patient(engine: Engine) -> None:
    seed_studies(engine)
    with session(engine, read_only=True) as current:
        dated = catalogue.candidate_studies(current, since=date(2024, 1, 7), until=date(2024, 1, 9))
        mine = catalogue.candidate_studies(current, patient="P1")
        assert catalogue.candidate_studies(current, patient="P9") == []
        always = catalogue.candidate_studies(current, since=date.min, until=date.max)
    assert [found.uid for found in dated] == ["1", "2", "3"]
    assert [found.uid for found in mine] == ["1", "3", "5"]
    assert [found.uid for found in always] == ["0", "1", "2", "3"]  # the undated one is left out


def test_drafted_studies_of_the_young_are_found_by_age_or_birth_date(engine: Engine) -> None:
    today, visit = datetime.now(UTC).replace(tzinfo=None), datetime(2024, 5, 6)
    people = {
        "by birth": (date(2006, 5, 7), visit, None),
        "of this year": (date(2006, 1, 1), visit, None),  # 18 already: for the caller to see
        "by age": (None, visit, 0.5),
        "undated": (today.date().replace(year=today.year - 9, day=1), None, None),
        "undrafted": (date(2020, 1, 1), visit, None),
        "grown": (date(2005, 12, 31), visit, 18.4),
        "unknown": (None, visit, None),
    }
    run_id = begin_run(engine)
    for number, (name, (born, moment, age)) in enumerate(people.items(), 1):
        record_image(engine, make_instance(f"{name}.1", name, name, birth_date=born, studied_at=moment, age_years=age))
        if name != "undrafted":
            save_draft(engine, run_id, number)
    with session(engine, read_only=True) as current:
        first = catalogue.drafted_young(current, 18, limit=3)
        rest = catalogue.drafted_young(current, 18, after_id=first[-1].id, limit=3)
    assert [study.uid for study in first + rest] == list(people)[:4]
    assert (first[0].birth_date, first[0].studied_at) == (date(2006, 5, 7), visit)


def test_studies_of_a_patient_run_from_old_to_new(engine: Engine) -> None:
    seed_studies(engine)
    with session(engine, read_only=True) as current:
        ids = {row.mrn: row.id for row in current.scalars(select(PatientRow))}
        found = catalogue.patient_studies(current, [ids["P0"], ids["P1"], 999])
        one = catalogue.candidate_studies(current, limit=1)
        assert catalogue.patient_studies(current, [ids["P0"], ids["P1"], 999], one) == found
    assert [one.uid for one in found[ids["P0"]]] == ["2", "0"]
    assert [one.uid for one in found[ids["P1"]]] == ["3", "1", "5"]
    assert found[999] == []
