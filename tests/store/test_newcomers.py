"""What is filed at once is filed as it would be one by one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from builders.store import make_instance
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select, text

from cxrreport.errors import InputError
from cxrreport.records import Instance, View, ViewGuess
from cxrreport.store import filing
from cxrreport.store.engine import apart, session
from cxrreport.store.newcomers import Screened, record_newcomers
from cxrreport.store.schema import FileRow, ImageRow, PatientRow, StudyRow

TABLES = (FileRow, ImageRow, StudyRow, PatientRow)
PA = ViewGuess(View.PA, "tags", 1.0)
FACTS = {
    "issuer": st.sampled_from(["", "", "H"]),
    "birth_date": st.sampled_from([None, date(1950, 1, 2), date(1960, 1, 2)]),
    "sex": st.sampled_from(["", "F", "M"]),
    "studied_at": st.sampled_from([None, datetime(2024, 5, 6), datetime(2024, 5, 6, 7, 8), datetime(2024, 5, 7)]),
    "time_known": st.booleans(),
    "accession": st.sampled_from(["", "A1", "A" * 600]),
    "age_years": st.sampled_from([None, 70.0]),
    "indication": st.sampled_from(["", "cough"]),
    "path": st.sampled_from([f"/e/{n}" for n in range(9)]),
    "station": st.sampled_from(["", "X\x00"]),
}
INSTANCES = st.builds(
    lambda sop, study, patient, facts: make_instance(f"1.{sop}", f"2.{study}", f"P{patient}", **facts),
    st.integers(0, 9), st.integers(0, 4), st.integers(0, 3), st.fixed_dictionaries({}, optional=FACTS),
)  # fmt: skip


def alike(*_: str) -> filing.Twins:
    return filing.Twins("", "")


def record(engine: Engine, instances: list[Instance], *, at_once: bool) -> set[str]:
    """File a batch; returns what was filed at once."""
    screened = [
        Screened(one, PA if "1" in one.sop_uid else None, None if one.sex != "M" else "small") for one in instances
    ]
    with session(engine) as s:
        filed = record_newcomers(s, screened) if at_once else set()
        for one in screened:
            if one.instance.sop_uid not in filed:
                try:
                    with apart(s):
                        filing.record_instance(s, one.instance, one.view, one.reason, alike)
                except InputError:
                    continue
    return filed


def content(engine: Engine) -> dict[str, list[Any]]:
    """All rows without ids; what they refer to by its name."""
    with session(engine, read_only=True) as s:
        mrn = {row.id: (row.issuer, row.mrn) for row in s.scalars(select(PatientRow))}
        uid = {row.id: row.uid for row in s.scalars(select(StudyRow))}
        sop = {row.id: row.sop_uid for row in s.scalars(select(ImageRow))}
        names = {"patient_id": mrn, "study_id": uid, "image_id": sop}
        found = {}
        for table in TABLES:
            columns = [column.key for column in table.__table__.columns if column.key != "id"]
            rows = [tuple(_named(names, key, getattr(row, key)) for key in columns) for row in s.scalars(select(table))]
            found[table.__tablename__] = sorted(rows)
        return found


def _named(names: dict[str, dict[int, Any]], key: str, value: Any) -> str:
    return str(names[key].get(value) if key in names else value)


def clear(engine: Engine) -> None:
    with session(engine) as s:
        for table in TABLES:
            s.execute(delete(table))


SCATTERED = [  # the images of two studies of one patient, by turns
    [
        make_instance("1.1", "2.1", "P1", birth_date=None),
        make_instance("1.2", "2.2", "P1", birth_date=date(1960, 1, 2)),
        make_instance("1.3", "2.1", "P1", birth_date=date(1950, 1, 2)),
    ]
]
TWINS = [  # two duplicates, whose paths were first read in either order, one of which takes the place of the image
    [make_instance(f"1.{n}", f"2.{n}", f"P{n}", path=path) for n, path in ((0, "/e/0"), (0, "/e/5"), (1, "/e/1"))],
    *([make_instance("1.3", "2.3", "P3", path=path)] for path in ("/e/3", "/e/0", "/e/1")),
    [make_instance("1.7", "2.7", "P7", path="/e/3")],
]


@given(batches=st.lists(st.lists(INSTANCES, max_size=8, unique_by=lambda one: one.file.path), min_size=1, max_size=3))
@example(batches=SCATTERED)
@example(batches=TWINS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_at_once_as_one_by_one(engine: Engine, batches: list[list[Instance]]) -> None:
    found = []
    for at_once in (False, True):
        clear(engine)
        for batch in batches:
            record(engine, batch, at_once=at_once)
        found.append(content(engine))
    assert found[0] == found[1]


def test_a_night_of_new_studies_is_filed_at_once(engine: Engine) -> None:
    night = [make_instance(f"1.{n}.{i}", f"2.{n}", f"P{n // 2}") for n in range(6) for i in range(2)]
    assert record(engine, night, at_once=True) == {one.sop_uid for one in night}
    assert {name: len(rows) for name, rows in content(engine).items()} == {
        "file": 12,
        "image": 12,
        "study": 6,
        "patient": 3,
    }


def test_one_refused_row_leaves_all_to_be_filed_one_by_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    night = [make_instance(f"1.{n}", f"2.{n}", f"P{n}", rows=2**80 if n == 1 else 400) for n in range(3)]
    assert record(engine, night, at_once=True) == set()
    with session(engine, read_only=True) as s:
        assert s.scalars(text("SELECT sop_uid FROM image ORDER BY id")).all() == ["1.0", "1.2"]
