"""Pseudonyms: nothing of the archive's names leaves in any format, and what a study is told of still fits together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from builders.data import ROOT
from builders.tool import Tool, Visit, write_visit
from builders.views import DRAFT, PATIENT, PRIOR, PROVENANCE, STUDY, study_view, write_films
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.errors import InputError, UsageError
from cxrreport.export.formats import FORMATS
from cxrreport.export.pseudonym import Pseudonyms, _masked, read_key
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.store.trajectory import Moment

KEY = bytes(range(32))
HIDDEN = Pseudonyms(KEY)
MADE = datetime(2024, 3, 6, 23, 2, 3, tzinfo=UTC)
UID = re.compile(r"2\.25\.(0|[1-9]\d{0,38})")


def view(number: str = "MRN-5551", uid: str = "1.2.3.4", **changes: object) -> StudyView:
    draft = {"created_at": MADE, "comparison": "Compared with the prior of 2023-12-01 (95 days earlier): worse."}
    patient = replace(PATIENT, mrn=number)
    return study_view(draft=draft, patient=patient, study=replace(STUDY, uid=uid), **changes)


def test_nothing_that_names_somebody_or_a_place_is_left() -> None:
    report = replace(study_view().held.prior_report, findings="Seen by Dr. Zinnober.", impression="Zinnober.")
    decoding = {"beams": 3, "prior_report": 4711, "wording": "site", "whatever": "comes"}
    provenance = replace(PROVENANCE, index_version="20240305T010203Z-4ac7a288", decoding=decoding)
    seen = study_view(
        draft={"created_at": MADE, "provenance": provenance},
        patient=replace(PATIENT, mrn="MRN-5551", issuer="HOSPITAL"),
        study=replace(STUDY, uid="1.2.840.99", accession="ACC-31", description="THORAX Room 9", indication="Mr. Azur"),
        prior_report=report,
    )
    told = repr(HIDDEN.hide(seen))
    originals = [
        *("MRN-5551", "HOSPITAL", "1.2.840.99", "ACC-31", "Room 9", "Azur", "Zinnober", "St. Elsewhere", "A0'"),
        *("1.2.3.3", "B1", "Dyspnoea", "Right pleural effusion.", "20240305", "4711", "comes", "site"),
        *("2024, 3, 5", "2023, 12, 1", "1950, 1, 2", "b" * 64, "10, 15", "23, 2, 3"),
    ]
    assert [one for one in originals if one not in repr(seen)] == []
    assert [one for one in originals if one in told] == []


def test_what_is_told_of_a_study_still_fits_together() -> None:
    seen, hidden = view(), HIDDEN.hide(view())
    draft, prior = hidden.held.draft, hidden.held.prior
    assert draft and prior and hidden.held.study.studied_at and prior.studied_at
    assert hidden.held.study.studied_at - prior.studied_at == timedelta(days=95) and not prior.time_known
    assert draft.created_at == hidden.held.study.studied_at.replace(tzinfo=UTC), (
        "of the study: nobody knows when it was made"
    )
    assert draft.comparison == f"Compared with the prior of {prior.studied_at:%Y-%m-%d} (95 days earlier): worse."
    assert (draft.findings, draft.finding_rows, draft.regions) == (DRAFT.findings, DRAFT.finding_rows, DRAFT.regions)
    assert (draft.flags, draft.priority, draft.spans) == (DRAFT.flags, DRAFT.priority, DRAFT.spans)
    assert [one.kind for one in hidden.sentences] == [one.kind for one in seen.sentences if one.kind != "dropped"]
    assert [[one.rank for one in alike] for alike in hidden.references] == [[1, 3], [2]]
    assert all(UID.fullmatch(uid) for uid in (hidden.held.study.uid, prior.uid))
    assert hidden.held.study.accession != STUDY.accession and len(hidden.held.study.accession) == 16
    assert hidden.stem == str(hidden.held.study.study_id) != seen.stem and hidden.hides_source


def test_a_prior_has_the_pseudonyms_that_it_has_as_a_study() -> None:
    alone = study_view(study=PRIOR, prior=None, draft={"created_at": MADE})
    assert HIDDEN.hide(alone).held.study == HIDDEN.hide(study_view(draft={"created_at": MADE})).held.prior


def test_the_course_of_a_patient_names_its_studies_as_they_are_named() -> None:
    course = tuple(Moment(one.study_id, one.accession, one.studied_at, "draft", {}) for one in (PRIOR, STUDY))
    hidden = HIDDEN.hide(replace(view(), trajectory=course))
    before, now = hidden.held.prior, hidden.held.study
    assert [(one.study_id, one.accession, one.studied_at) for one in hidden.trajectory] == [
        (one.study_id, one.accession, one.studied_at) for one in (before, now) if one
    ]


def test_one_key_gives_one_pseudonym_and_another_key_another() -> None:
    other = Pseudonyms(bytes(range(32, 64))).hide(view())
    assert HIDDEN.hide(view()) == Pseudonyms(KEY).hide(view()) and HIDDEN.name != Pseudonyms(bytes(range(32, 64))).name
    assert other.version() != HIDDEN.hide(view()).version() != view().version()
    pairs = zip(ids(HIDDEN.hide(view())), ids(other), strict=True)
    assert all(one != another for one, another in pairs)


def ids(seen: StudyView) -> list[object]:
    held = seen.held
    assert held.draft
    return [
        *(
            seen.stem,
            held.patient.mrn,
            held.patient.patient_id,
            held.study.uid,
            held.study.accession,
            held.draft.draft_id,
        ),
        *(held.study.studied_at, held.draft.provenance.inputs_sha256, held.draft.references[0].report_id),
    ]


def test_the_night_of_the_drafts_tells_no_shift() -> None:
    """Many patients are drafted in one night, which others know."""
    for studied_at in (STUDY.studied_at, None):
        study = replace(STUDY, studied_at=studied_at)
        nights = (MADE, MADE + timedelta(days=400))
        told = [
            HIDDEN.hide(study_view(draft={"created_at": night}, study=study)).held.draft.created_at for night in nights
        ]
        assert told[0] == told[1]


def test_dates_of_one_patient_move_together_and_of_others_by_other_days() -> None:
    def days(number: str, uid: str = "1.2.3.4") -> int:
        moved = HIDDEN.hide(view(number, uid)).held.study.studied_at
        assert moved and STUDY.studied_at
        return (STUDY.studied_at.date() - moved.date()).days

    found = [days(f"MRN-{number}") for number in range(100)]
    assert days("MRN-5551", "1.9") == days("MRN-5551") and len(set(found)) > 90
    assert min(found) >= 1 and max(found) <= 3652


def test_patients_without_a_number_are_not_taken_for_one() -> None:
    nameless = [study_view(draft={"created_at": MADE}, patient=replace(PATIENT, mrn="-", patient_id=n)) for n in (1, 2)]
    one, other = map(HIDDEN.hide, nameless)
    assert one.held.patient.mrn != other.held.patient.mrn


@pytest.mark.parametrize(("age", "told"), [(None, None), (57.9, 57), (89.99, 89), (90.0, 90), (104.2, 90)])
def test_ages_are_whole_years_up_to_90(age: float | None, told: int | None) -> None:
    hidden = HIDDEN.hide(study_view(draft={"created_at": MADE}, study=replace(STUDY, age_years=age)))
    assert hidden.held.study.age_years == told and hidden.held.patient.birth_date is None


@given(st.text(st.sampled_from("0123456789./- aT"), max_size=40))
def test_a_text_keeps_its_places_and_no_date_or_long_number(text: str) -> None:
    masked = _masked(text)
    assert len(masked) == len(text) and not re.search(r"\d{3}|\b\d{1,2}[./-]\d{1,2}([./-])\d{4}", masked)
    assert all(sign in (before, "X") for before, sign in zip(text, masked, strict=True))


def test_a_text_keeps_its_vertebrae_and_counts() -> None:
    assert _masked("Fracture of T12 and 2 ribs. MRN4711, 3/5/2024, 2024-03-05.") == (
        "Fracture of T12 and 2 ribs. XXXXXXX, XXXXXXXX, XXXX-03-05."
    )


def test_pictures_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    seen = study_view(draft={"created_at": MADE}, films=write_films(tmp_path))
    with pytest.raises(InputError) as left_out:
        _ = Subject(HIDDEN.hide(seen), 10**6).pictures
    assert left_out.value.code == "film.withheld"
    shown = Pseudonyms(KEY, with_pictures=True).hide(seen)
    assert Subject(shown, 10**6).pictures.current.shape == Subject(seen, 10**6).pictures.current.shape
    assert shown.version() != HIDDEN.hide(seen).version()
    assert shown.films.current and UID.fullmatch(shown.films.current.sop_uid)


# -- the key ----------------------------------------------------------------------------------------------------------


def key_file(folder: Path, content: bytes = KEY, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_key_is_read_and_never_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_key(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []
    assert read_key(key_file(tmp_path)) == KEY


@pytest.mark.parametrize(
    ("content", "mode"),
    [(KEY[:31], 0o600), (KEY * 200, 0o600), (KEY, 0o644), (b"\0" * 32, 0o600), (b"secret" * 6, 0o600)],
)
def test_a_key_that_protects_nothing_is_refused(content: bytes, mode: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read_key(key_file(tmp_path, content, mode))
    assert refused.value.code == "export.key"


def test_a_key_in_the_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="handed on"):
        read_key(key_file(tmp_path), tmp_path)


# -- the whole way ----------------------------------------------------------------------------------------------------

TAGS = {
    "PatientID": "MRN-77120034",
    "IssuerOfPatientID": "KLINIKUM-NORD",
    "PatientName": "Zachariasse^Ottilie",
    "PatientBirthDate": "19310907",
    "InstitutionName": "Marienhospital Quedlinburg",
    "StationName": "BUCKY-17-WEST",
    "StudyDescription": "Thorax Zimmer Violett",
    "ReferringPhysicianName": "Vormbrock^Egon",
    "PatientAddress": "Fliederweg 12",
    "StudyID": "SID90417",
}
VISITS = (Visit("A90417", "", "20240105", "031427"), Visit("A90418", "", "20240305", "041528"))
WORDS = "Zinnober shadow dictated by Dr. Lampenfieber."


@pytest.fixture
def named(tool: Tool, tmp_path: Path) -> Tool:
    """A patient with a name, a prior and its report, drafted."""
    reports = tmp_path / "reports"
    reports.mkdir()
    for visit in VISITS:
        write_visit(tmp_path / "pacs", visit, **TAGS, StudyInstanceUID=f"1.2.840.113619.{visit.accession[1:]}")
    (reports / "A90417.txt").write_text(f"FINDINGS: {WORDS} Clear lungs.\n\nIMPRESSION: {WORDS}\n")
    (reports / "others.csv").write_text(
        f"accession,patient_id,date,findings,impression\nX90001,Q90001,2023-02-05,{WORDS} Opacity.,{WORDS}\n"
    )
    tool.json("index", reports)
    assert tool.json("generate", tmp_path / "pacs")["drafted"] == 2
    return tool


def originals(tool: Tool) -> Iterator[str]:
    """All that names the patient, the place, the days and the texts of others."""
    yield from (part for name in TAGS.values() for part in name.split("^"))
    yield from (str(date(1931, 9, 7)), *("Violett", "Quedlinburg", "Zinnober", "Lampenfieber", "X90001", "Q90001"))
    for visit in VISITS:
        day = datetime.strptime(visit.date, "%Y%m%d")
        yield from (visit.accession, visit.date, f"{day:%Y-%m-%d}", "1.2.840.113619")
        yield from (visit.time, f"{visit.time[:2]}:{visit.time[2:4]}:{visit.time[4:]}", visit.uid)
    yield from ("pacs", "2023-02-05", "20230205", str(tool.home))
    today = datetime.now(UTC)
    yield from (f"{today:%Y-%m-%d}", f"{today:%Y%m%d}")
    yield from tool.rows("SELECT inputs_sha256 FROM draft")


def test_no_format_tells_who_or_where_it_was(named: Tool, tmp_path: Path) -> None:
    key, words = key_file(tmp_path), list(originals(named))
    formats = [name for name in FORMATS if name != "pdf"]  # its pages are those of html, compressed
    wanted = [argument for name in formats for argument in ("--format", name)]
    for more in ([], ["--with-pictures"]):
        place = tmp_path / f"out{len(more)}"
        found = named.json("export", *wanted, "--pseudonymise", key, *more, place)
        files = [path for path in place.rglob("*") if path.is_file() and not path.name.endswith(".lock")]
        assert found["drafts"] == 2 and found["failed"] == {} and len(files) >= len(formats)
        told = {str(path.relative_to(place)): readable(path) for path in files}
        leaks = {(name, word) for name, text in told.items() for word in words if word in text or word in name}
        assert leaks == set() and key.read_bytes().decode() not in "".join(told.values())
    named.json("export", "--format", "jsonl", tmp_path / "named")  # where the search finds them
    text = (tmp_path / "named" / "studies.jsonl").read_text()
    names = {"MRN-77120034", "KLINIKUM-NORD", "Quedlinburg", "Violett", "A90417", "2024-01-05", "1.2.840.113619"}
    assert {word for word in words if word in text} >= {*names, "Zinnober", "03:14:27"}


def readable(path: Path) -> str:
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(path)
        return repr(table.to_pylist()) + repr(table.schema.metadata)
    return path.read_bytes().decode("utf-8", "replace")


def test_files_under_other_names_are_never_put_beside_each_other(drafted: Tool, tmp_path: Path) -> None:
    key, place = key_file(tmp_path), tmp_path / "out"
    hidden = ["export", "--format", "csv", "--pseudonymise", str(key), str(place)]
    assert drafted.json(*hidden)["files"] == 2
    (tmp_path / "old").mkdir()
    key.rename(tmp_path / "old" / "key")
    key_file(tmp_path, bytes(range(32, 64)))
    for other in (hidden, ["export", "--format", "csv", str(place)]):
        assert drafted.json(*other, code=2)["error"]["code"] == "export.names"
    assert drafted.json("export", "--format", "csv", place, "--with-pictures", code=2)["error"]["code"] == "usage"


def test_the_order_of_files_tells_nothing_of_dates(drafted: Tool, tmp_path: Path) -> None:
    """In the archive's own order the latest study comes first."""
    key, seen = key_file(tmp_path), []
    for number in range(3):
        key.write_bytes(bytes(range(number, number + 32)))
        place = tmp_path / f"out{number}"
        drafted.json("export", "--format", "jsonl", "--pseudonymise", key, place)
        rows = [json.loads(line) for line in (place / "studies.jsonl").read_text().splitlines()]
        assert len(rows) == 8
        seen.append([(row["priority"], [one["probability"] for one in row["findings"]]) for row in rows])
    assert all(sorted(map(repr, one)) == sorted(map(repr, seen[0])) for one in seen) and any(
        one != seen[0] for one in seen
    )


def test_who_has_the_key_finds_a_study_as_the_page_says(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "pseudonyms.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    key = key_file(tmp_path)
    monkeypatch.setenv("CXRREPORT_HOME", str(drafted.home))
    exec(block.replace("/etc/cxrreport/research.key", str(key)).replace("A90417", "A101"))
    drafted.json("export", "--format", "csv", "--study", "A101", "--pseudonymise", key, tmp_path / "out")
    told = capsys.readouterr().out.strip()
    assert len(told) == 16 and told in (tmp_path / "out" / "studies.csv").read_text()
