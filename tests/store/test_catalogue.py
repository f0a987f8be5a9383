"""Files, images, studies and patients: nothing doubled, nothing overwritten, nothing merged by guess."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from typing import Any

import pytest
from builders.store import make_entry, make_instance, never, record_image
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select

from cxrreport.errors import HeaderError
from cxrreport.records import View, ViewGuess
from cxrreport.store import catalogue, filing, seen
from cxrreport.store.engine import session
from cxrreport.store.schema import FailureRow, FileRow, ImageRow, PatientRow, RunRow, StudyRow

ROWS = (FileRow, ImageRow, StudyRow, PatientRow)


def looks(first: str | None, second: str | None) -> Any:
    return lambda *_: filing.Twins(first, second)


same = looks("", "")


def image(engine: Engine, sop: str = "1.1") -> ImageRow:
    with session(engine, read_only=True) as current:
        return current.scalars(select(ImageRow).where(ImageRow.sop_uid == sop)).one()


def study(engine: Engine, uid: str = "1") -> StudyRow:
    with session(engine, read_only=True) as current:
        return current.scalars(select(StudyRow).where(StudyRow.uid == uid)).one()


def counts(engine: Engine) -> list[int]:
    with session(engine, read_only=True) as current:
        return [current.scalar(select(func.count()).select_from(row)) or 0 for row in ROWS]


def outcome_of(engine: Engine, path: str) -> str:
    with session(engine, read_only=True) as current:
        return current.scalars(select(FileRow.outcome).where(FileRow.path == path)).one()


def test_a_new_image_fills_all_tables(engine: Engine) -> None:
    device = {"manufacturer": "Acme", "model": "X1", "station": "ER", "presentation_intent": "FOR PRESENTATION"}
    device |= {"exposure_index": 312.5, "deviation_index": -1.2, "image_type": "ORIGINAL\\PRIMARY"}
    assert record_image(engine, make_instance(age_years=45.5, **device)) == "image"
    assert counts(engine) == [1, 1, 1, 1]
    record_image(engine, make_instance("1.2", age_years=46.0))
    row, other = image(engine), image(engine, "1.2")
    assert (row.view, row.view_source, row.usable, row.reason) == (View.PA, "tags", True, None)
    assert (row.height, row.width, other.exposure_index) == (400, 300, None)
    assert {name: getattr(row, name) for name in device} == device
    assert (study(engine).birth_date, study(engine).age_years) == (date(1950, 1, 2), 45.5)


def test_the_first_indication_of_a_study_stays(engine: Engine) -> None:
    for sop, told in (("1.1", ""), ("1.2", "Cough"), ("1.3", "Fever")):
        record_image(engine, make_instance(sop, indication=told))
        assert study(engine).indication == ("Cough" if sop != "1.1" else None)
    with session(engine) as current:
        assert [found.indication for found in catalogue.candidate_studies(current)] == ["Cough"]


def test_only_unchanged_files_are_known(engine: Engine) -> None:
    record_image(engine, make_instance(path="/a", size=10, mtime_ns=1_700_000_000_123_456_789))
    with session(engine) as current:
        filing.record_file(current, make_entry("/b", 5, 6), "not_dicom")
        asked = [make_entry("/a", 10, 1_700_000_000_123_456_789), make_entry("/b", 5, 7), make_entry("/c")]
        assert seen.known_files(current, asked) == {"/a": False}
        assert seen.known_files(current, [make_entry("/b", 5, 6)] * 1200) == {"/b": False}
        assert seen.known_files(current, []) == {}


def test_the_same_bytes_elsewhere_are_a_duplicate(engine: Engine) -> None:
    record_image(engine, make_instance(path="/a"))
    asked: list[tuple[str, ...]] = []
    again = make_instance(path="/b")
    assert (
        record_image(engine, again, compare=lambda *names: asked.append(names) or filing.Twins("", "")) == "duplicate"
    )
    assert asked == [("/a", "/b", "1.1")]
    assert counts(engine) == [2, 1, 1, 1]
    assert image(engine).path == "/a"


@pytest.mark.parametrize(
    ("digests", "other", "outcome"),
    [
        (("f", "g"), {}, "conflict"),
        (("f", "f"), {"patient": "P2"}, "conflict"),
        (("f", "f"), {"study": "2"}, "conflict"),
        (("f", "f"), {"sex": ""}, "duplicate"),
        (("f", None), {}, "broken_copy"),
        (("f", None), {"patient": "P2"}, "conflict"),
        ((None, "f"), {"patient": "P2"}, "conflict"),
        ((None, None), {"study": "2"}, "conflict"),
        ((None, None), {}, "broken_copy"),
    ],
)
def test_a_second_file_of_an_image_never_overwrites_a_whole_one(
    engine: Engine, digests: tuple[str | None, str | None], other: dict[str, str], outcome: str
) -> None:
    record_image(engine, make_instance(path="/a"))
    assert record_image(engine, make_instance(path="/b", size=101, rows=9, **other), compare=looks(*digests)) == outcome
    assert (image(engine).path, image(engine).height, outcome_of(engine, "/b")) == ("/a", 400, outcome)
    with session(engine, read_only=True) as current:
        kept = [image(engine).pixel_sha256, current.scalar(select(FileRow.pixel_sha256).where(FileRow.path == "/b"))]
    assert kept == (list(digests) if outcome == "conflict" else [None, None])


def test_a_whole_file_takes_the_place_of_one_that_is_cut(engine: Engine) -> None:
    record_image(engine, make_instance(path="/a"))
    assert record_image(engine, make_instance(path="/b", size=200), compare=looks(None, "f")) == "updated"
    assert (image(engine).path, outcome_of(engine, "/a"), outcome_of(engine, "/b")) == ("/b", "broken_copy", "image")


def test_a_moved_file_takes_its_image_along(engine: Engine) -> None:
    def gone(first: str, second: str, sop_uid: str) -> filing.Twins:
        raise FileNotFoundError

    record_image(engine, make_instance(path="/a"))
    assert record_image(engine, make_instance(path="/b", size=7), compare=gone) == "updated"
    assert image(engine).path == "/b"


def test_a_changed_file_is_read_afresh(engine: Engine) -> None:
    record_image(engine, make_instance())
    with session(engine) as current:
        catalogue.set_pixel_digest(current, image(engine).id, "f" * 64)
        assert [i.pixel_sha256 for found in catalogue.candidate_studies(current) for i in found.images] == ["f" * 64]
        catalogue.mark_unusable(current, image(engine).id, "pixels.truncated")
    assert record_image(engine, make_instance(size=200)) == "updated"
    with session(engine, read_only=True) as current:
        assert [i.pixel_sha256 for found in catalogue.candidate_studies(current) for i in found.images] == [None]
    row = image(engine)
    assert (row.size, row.usable, row.reason, row.pixel_sha256) == (200, True, None, None)


def test_reading_an_unchanged_file_again_keeps_what_the_pixels_told(engine: Engine) -> None:
    record_image(engine, make_instance())
    with session(engine) as current:
        catalogue.mark_unusable(current, image(engine).id, "pixels.truncated")
    record_image(engine, make_instance())
    assert image(engine).reason == "pixels.truncated"


def test_a_study_is_never_moved_to_another_patient(engine: Engine) -> None:
    record_image(engine, make_instance("1.1", "1", "P1", studied_at=datetime(2024, 5, 6)))
    assert record_image(engine, make_instance("1.2", "1", "P2", studied_at=datetime(2020, 1, 1))) == "patient_conflict"
    assert (image(engine, "1.2").usable, image(engine, "1.2").reason) == (False, "identity.study")
    assert study(engine).studied_at == datetime(2024, 5, 6)
    assert counts(engine) == [2, 2, 1, 1]
    assert outcome_of(engine, "/export/1.2.dcm") == "identity.study"


def test_a_path_that_shows_another_image_leaves_the_first_unusable(engine: Engine) -> None:
    record_image(engine, make_instance("1.1", path="/a"))
    assert record_image(engine, make_instance("1.2", path="/a", size=7)) == "image"
    assert (image(engine, "1.1").usable, image(engine, "1.1").reason) == (False, "file.replaced")
    assert record_image(engine, make_instance("1.1", path="/b")) == "updated"
    assert (image(engine, "1.1").usable, image(engine, "1.1").path) == (True, "/b")


def test_a_duplicate_steps_in_where_the_first_file_breaks(engine: Engine) -> None:
    record_image(engine, make_instance(path="/a"))
    record_image(engine, make_instance(path="/b", mtime_ns=9), compare=same)
    with session(engine) as current:
        filing.record_file(current, make_entry("/a", 3, 3), "header.incomplete")
    row = image(engine)
    assert (row.path, row.mtime_ns, row.usable) == ("/b", 9, True)
    assert outcome_of(engine, "/a") == "header.incomplete"
    assert outcome_of(engine, "/b") == "image"


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([(datetime(2024, 1, 1, 9), True), (datetime(2024, 1, 1, 8), True)], datetime(2024, 1, 1, 8)),
        ([(datetime(2024, 1, 1, 9), True), (datetime(2024, 1, 1, 10), True)], datetime(2024, 1, 1, 9)),
        ([(datetime(2024, 1, 1, 9), True), (datetime(2024, 1, 1), False)], datetime(2024, 1, 1, 9)),
        ([(datetime(2024, 1, 1), False), (datetime(2024, 1, 1, 9), True)], datetime(2024, 1, 1, 9)),
        ([(None, False), (datetime(2024, 1, 1, 9), True), (None, False)], datetime(2024, 1, 1, 9)),
    ],
)
def test_the_time_of_a_study_is_its_earliest_known(
    engine: Engine, times: list[tuple[datetime | None, bool]], kept: datetime
) -> None:
    for number, (moment, known) in enumerate(times):
        record_image(engine, make_instance(f"1.{number}", studied_at=moment, time_known=known))
    assert study(engine).studied_at == kept
    assert study(engine).time_known


def test_the_hospital_clock_is_kept_as_written(engine: Engine) -> None:
    record_image(engine, make_instance(studied_at=datetime(2024, 3, 31, 2, 30, tzinfo=UTC)))
    assert study(engine).studied_at == datetime(2024, 3, 31, 2, 30)


def test_a_new_file_ends_the_quarantine_of_its_study(engine: Engine) -> None:
    record_image(engine, make_instance())
    with session(engine) as current:
        current.add(RunRow(id=1, started_at=datetime.now(UTC), argv=[], host="h", versions={}, counts={}))
        current.flush()
        current.add(FailureRow(run_id=1, study_id=1, code="x", message="x", attempts=3, quarantined=True))
    record_image(engine, make_instance())
    with session(engine) as current:
        assert current.scalar(select(func.count()).select_from(FailureRow)) == 1
    record_image(engine, make_instance("1.2"))
    with session(engine) as current:
        assert current.scalar(select(func.count()).select_from(FailureRow)) == 0


@pytest.mark.parametrize("field", ["sop_uid", "study_uid", "patient_id"])
@pytest.mark.parametrize("value", ["", "9" * 600])
def test_an_impossible_identifier_is_refused(engine: Engine, field: str, value: str) -> None:
    with pytest.raises(HeaderError):
        record_image(engine, dataclasses.replace(make_instance(), **{field: value}))
    assert counts(engine) == [0, 0, 0, 0]


def test_hostile_values_are_only_text(engine: Engine) -> None:
    evil = "x'); DROP TABLE study;--\x00\x1b[31m\ud800"
    hostile = make_instance(
        patient=evil, issuer=evil, study_description=evil * 3000, accession=evil * 3000, institution=evil
    )
    assert record_image(engine, hostile) == "image"
    assert record_image(engine, hostile) == "updated"
    assert counts(engine) == [1, 1, 1, 1]
    assert study(engine).institution == evil.replace("\x00", "").replace("\ud800", "?")
    assert study(engine).accession == ""


def test_views_are_found_in_pages_and_set(engine: Engine) -> None:
    with session(engine) as current:
        for number in range(5):
            reason = "pixels.colour" if number == 4 else None
            filing.record_instance(current, make_instance(f"1.{number}"), None, reason, never)
        first = catalogue.images_without_view(current, limit=3)
        rest = catalogue.images_without_view(current, limit=3, after_id=first[-1].id)
        assert [found.sop_uid for found in first + rest] == ["1.0", "1.1", "1.2", "1.3"]
        catalogue.set_view(current, first[0].id, ViewGuess(View.LATERAL, "pixels", 0.9))
        catalogue.mark_unusable(current, first[1].id, "pixels.truncated")
        assert [found.sop_uid for found in catalogue.images_without_view(current, 9)] == ["1.2", "1.3"]
    assert (image(engine, "1.0").view, image(engine, "1.0").view_probability) == (View.LATERAL, 0.9)
    assert (image(engine, "1.1").usable, image(engine, "1.1").reason) == (False, "pixels.truncated")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["/a", "/b", "/c"]),
        st.sampled_from(["1.1", "1.2"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["P1", "P2"]),
        st.sampled_from([100, 200]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_the_export_does_the_catalogue_stays_sound(
    engine: Engine, steps: list[tuple[str, str, str, str, int]]
) -> None:
    with session(engine) as current:
        for row in (FileRow, ImageRow, StudyRow, PatientRow):
            current.execute(delete(row))
    for _ in range(2):
        for path, sop, uid, patient, size in steps:
            record_image(engine, make_instance(sop, uid, patient, path=path, size=size), compare=same)
    with session(engine, read_only=True) as current:
        usable = [row.path for row in current.scalars(select(ImageRow).where(ImageRow.usable))]
        files = {row.path: row for row in current.scalars(select(FileRow))}
        images = {row.id: row for row in current.scalars(select(ImageRow))}
    assert len(usable) == len(set(usable))
    assert set(files) == {step[0] for step in steps}
    for path in usable:
        holder = files[path]
        assert holder.outcome == "image"
        assert images[holder.image_id].path == path  # a usable image is what its path shows
    assert all(
        files[row.path].outcome == filing.PATIENT_CONFLICT for row in images.values() if row.reason == "identity.study"
    )
