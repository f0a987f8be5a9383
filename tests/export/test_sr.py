"""A draft as DICOM objects: valid, never final, the same bytes again, and telling just what the view tells."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.conformance import errors_of
from builders.dicom import CR
from builders.programs import need
from builders.tool import Tool
from builders.views import DRAFT, FINDING_ROWS, NAMELESS, PATIENT, PRIOR, REGIONS, STUDY, study_view, write_films
from highdicom.sr import Comprehensive3DSR, EnhancedSR, srread
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from cxrreport import DISCLAIMER
from cxrreport.errors import InputError, PixelError
from cxrreport.export.coding import CHANGES, STATES, code_of
from cxrreport.export.dicom.concepts import CERTAINTY, DIFFERENCE, PRIOR_STATE
from cxrreport.export.films import Pictures
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.sr import make
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.findings import FINDINGS, Change
from cxrreport.records import Report
from cxrreport.reports.readers import Skipped, read_path

NAMES = ("findings", "text", "picture")
VALID: dict[str, list[str]] = {name: [] for name in NAMES}
Objects = dict[str, Dataset]


def subject_of(view: StudyView) -> Subject:
    """The view with pictures of its own, so that nothing is registered."""
    subject = Subject(view, 10**8)
    grey = np.tile(np.arange(136, dtype=np.uint8), (160, 1))
    prior = grey if view.films.prior else None
    subject.pictures = Pictures(grey, prior, None, view.held.draft.regions, (1.0, 1.0))
    return subject


def write(view: StudyView, folder: Path) -> dict[str, Path]:
    found = {}
    for item in make(subject_of(view)):
        place = folder / Path(item.name).name
        place.write_bytes(item.content)
        found[place.stem] = place
    return found


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> StudyView:
    return study_view(films=write_films(tmp_path_factory.mktemp("films"), StudyID="S1"))


@pytest.fixture(scope="module")
def written(view: StudyView, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(view, tmp_path_factory.mktemp("sr"))


@pytest.fixture(scope="module")
def objects(written: dict[str, Path]) -> Objects:
    return {name: dcmread(path) for name, path in written.items()}


# -- valid ------------------------------------------------------------------------------------------------------------


def test_the_validator_finds_no_error(written: dict[str, Path]) -> None:
    assert tuple(written) == NAMES
    assert {name: errors_of(path) for name, path in written.items()} == VALID


def test_dcmtk_reads_the_documents(written: dict[str, Path]) -> None:
    program = need("dsrdump")
    for name in ("findings", "text"):
        done = subprocess.run([program, written[name]], capture_output=True, text=True, check=True)
        assert "Preliminary Flag    : PRELIMINARY" in done.stdout, done.stderr


# Of more than four letters beyond ASCII the validator would count bytes, where DICOM counts characters.
ODD_TEXT = st.text(st.characters(codec="ascii"), max_size=70) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=4
)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "PatientName": st.sampled_from(["Müller^Jörg", "山田^太郎", "a^b^c^d^e^f", "", None, "x" * 70]) | ODD_TEXT,
        "PatientAge": st.sampled_from(["62", "062Y", ""]),
        "StudyID": st.sampled_from(["S" * 40, "1\\2", "", None]),
        "SpecificCharacterSet": st.sampled_from(["ISO_IR 100", "ISO_IR 192", "nonsense", None]),
        "StudyDate": st.sampled_from(["", "99999999", None]),
        "PatientBirthDate": st.sampled_from(["1950", "", None]),
        "PatientSex": st.sampled_from(["W", "", None]),
        "SOPClassUID": st.sampled_from([CR, "1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.7"]),
    },
)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each example starts three programs: none is shrunk
)
@given(
    tags=ODD,
    mrn=ODD_TEXT,
    accession=ODD_TEXT,
    issuer=ODD_TEXT,
    sex=st.sampled_from(["", "F", "X"]),
    moment=st.none() | st.datetimes(datetime(1950, 1, 1), datetime(2099, 1, 1)),
    born=st.none() | st.dates(date(1900, 1, 2), date(2026, 1, 1)),
)
def test_whatever_the_header_says_the_objects_are_valid(
    tmp_path: Path, tags: dict[str, Any], mrn: str, accession: str, issuer: str, sex: str, moment: Any, born: Any
) -> None:
    patient = replace(PATIENT, mrn=mrn, issuer=issuer, sex=sex, birth_date=born)
    study = replace(STUDY, accession=accession, studied_at=moment)
    odd = study_view(films=write_films(tmp_path, **tags), patient=patient, study=study)
    found = write(odd, tmp_path)
    assert {name: errors_of(path) for name, path in found.items()} == VALID


# -- never final, and labelled ----------------------------------------------------------------------------------------


def test_nothing_is_final(objects: Objects) -> None:
    for name in ("findings", "text"):
        told = objects[name]
        assert (told.CompletionFlag, told.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
        assert told.PreliminaryFlag == "PRELIMINARY"
        assert DISCLAIMER in [item.TextValue for item in tree(told) if item.ValueType == "TEXT"]
    assert {told.SeriesDescription for told in objects.values()} == {DISCLAIMER}


def test_the_picture_bears_its_label_and_says_what_it_is(objects: Objects) -> None:
    picture = objects["picture"]
    assert (picture.BurnedInAnnotation, picture.ConversionType) == ("YES", "WSD")
    assert list(picture.ImageType) == ["DERIVED", "SECONDARY"]
    pixels = picture.pixel_array  # decoded by pydicom
    assert pixels.shape == (picture.Rows, picture.Columns, 3)
    banner = pixels[4, picture.Columns // 2].astype(int)  # red, as in every picture of a draft
    assert banner[0] > 2 * banner[1]


# -- the same things --------------------------------------------------------------------------------------------------


def test_the_objects_are_of_the_study_and_of_the_patient(objects: Objects) -> None:
    for told in objects.values():
        assert told.SpecificCharacterSet == "ISO_IR 192"
        assert (told.StudyInstanceUID, told.AccessionNumber, told.StudyID) == (STUDY.uid, STUDY.accession, "S1")
        assert (told.PatientID, told.PatientName, told.IssuerOfPatientID) == ("P1", "Poe^Jane", "HOSP")
        assert (told.PatientBirthDate, told.PatientSex, told.StudyDate) == ("19500102", "F", "20240305")
        assert told.SeriesInstanceUID not in (f"{STUDY.uid}.1", f"{PRIOR.uid}.1")
    assert objects["findings"].SeriesInstanceUID == objects["text"].SeriesInstanceUID
    assert objects["picture"].SeriesInstanceUID != objects["text"].SeriesInstanceUID


def tree(item: Dataset) -> Iterator[Dataset]:
    yield item
    for child in item.get("ContentSequence", []):
        yield from tree(child)


def codes_of(item: Dataset) -> tuple[str, str]:
    named = item.ConceptNameCodeSequence[0]
    return named.CodingSchemeDesignator, named.CodeValue


def group_of(told: Dataset, name: str) -> dict[tuple[str, str], str]:
    """What the group of a finding says: concept -> code or number."""
    groups = [item for item in tree(told) if item.ValueType == "CONTAINER" and item.get("ContentSequence")]
    tracked = [g for g in groups if g.ContentSequence[0].get("TextValue") == name]
    said = {}
    for item in tracked[0].ContentSequence:
        if item.ValueType == "CODE":
            said[codes_of(item)] = item.ConceptCodeSequence[0].CodeValue
        elif item.ValueType == "NUM":
            said[codes_of(item)] = str(item.MeasuredValueSequence[0].NumericValue)
    return said


@pytest.mark.parametrize("row", [row for row in FINDING_ROWS if row.finding != "no finding"], ids=lambda r: r.finding)
def test_each_finding_tells_state_certainty_change_and_prior_state(objects: Objects, row: Any) -> None:
    name = "pleural abnormality" if row.finding == "pleural other" else row.finding
    said = group_of(objects["findings"], name)
    code = code_of(row.finding)
    assert said[code.scheme, code.code] == STATES[row.state].code
    assert float(said["DCM", CERTAINTY.code]) == pytest.approx(100 * row.probability)
    change = said.get(("DCM", DIFFERENCE.code))
    assert change == (CHANGES[row.change].code if row.change in CHANGES else None)
    before = said.get((PRIOR_STATE.scheme, PRIOR_STATE.code))
    assert before == (STATES[row.prior_state].code if row.prior_state in STATES else None)


def test_the_boxes_are_those_of_the_view(written: dict[str, Path]) -> None:
    document = srread(written["findings"])
    assert isinstance(document, Comprehensive3DSR)
    groups = document.content.get_planar_roi_measurement_groups()
    found = {}
    for group in groups:
        corners = group.roi.value
        assert (corners[0] == corners[-1]).all() and len(corners) == 5  # closed
        left, top = corners.min(0)
        right, bottom = corners.max(0)
        assert group[0].ContentSequence[-1].ContentSequence[0].referenced_sop_instance_uid == f"{STUDY.uid}.1.1"
        found[group.finding_type.meaning.lower()] = (left, top, right - left, bottom - top)
    assert found == {one.finding: (one.x, one.y, one.w, one.h) for one in REGIONS}


def test_current_and_prior_film_are_referred_to(objects: Objects) -> None:
    for name in ("findings", "text"):
        now = objects[name].CurrentRequestedProcedureEvidenceSequence[0]
        before = objects[name].PertinentOtherEvidenceSequence[0]
        for item, study in ((now, STUDY), (before, PRIOR)):
            assert item.StudyInstanceUID == study.uid
            series = item.ReferencedSeriesSequence[0]
            assert series.SeriesInstanceUID == f"{study.uid}.1"
            assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == f"{study.uid}.1.1"
    films = [item.ReferencedSOPInstanceUID for item in objects["picture"].SourceImageSequence]
    assert films == [f"{STUDY.uid}.1.1", f"{PRIOR.uid}.1.1"]


def test_the_text_is_that_of_the_draft(written: dict[str, Path]) -> None:
    document = srread(written["text"])
    assert isinstance(document, EnhancedSR)
    texts = [item.TextValue for item in tree(document) if item.ValueType == "TEXT"]
    for told in (DRAFT.findings, DRAFT.impression, DRAFT.comparison):
        assert told in texts


def test_a_text_with_controls_is_one_that_dicom_can_hold(view: StudyView, tmp_path: Path) -> None:
    odd = study_view({"findings": "".join(map(chr, range(0xA0))) + "here.", "comparison": "a\x0bb\x1cc"}, view.films)
    found = write(odd, tmp_path)
    assert errors_of(found["text"]) == []
    texts = [item.TextValue for item in tree(dcmread(found["text"])) if item.ValueType == "TEXT"]
    assert "a b c" in texts and any(text.endswith("~ here.") and "\t\n" in text for text in texts)


def test_the_device_is_another_one_with_other_weights(view: StudyView, objects: Objects) -> None:
    provenance = replace(DRAFT.provenance, weights_sha256="d" * 64)
    other = {**read(study_view({"provenance": provenance}, view.films))}
    for name in NAMES:
        devices = [one[name].ContributingEquipmentSequence[0].DeviceUID for one in (objects, other)]
        assert devices[0] != devices[1]
    said = [item.TextValue for item in tree(objects["findings"]) if item.ValueType == "TEXT"]
    assert f"weights sha256 {'a' * 64}" in said and f"calibration sha256 {'c' * 64}" in said


def read(view: StudyView) -> Objects:
    return {Path(item.name).stem: dcmread(BytesIO(item.content)) for item in make(subject_of(view))}


# -- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_view_gives_the_same_bytes(view: StudyView) -> None:
    first, again = make(subject_of(view)), make(subject_of(view))
    assert first == again
    assert {item.uid.startswith("2.25.") and len(item.uid) <= 64 for item in first} == {True}
    assert [dcmread(BytesIO(item.content)).SOPInstanceUID for item in first] == [item.uid for item in first]


@pytest.mark.parametrize(
    ("draft", "changes", "others"),
    [
        ({"impression": "Other."}, {}, {"text"}),
        ({"finding_rows": tuple(replace(row, probability=0.123) for row in FINDING_ROWS)}, {}, {"findings"}),
        ({"provenance": replace(DRAFT.provenance, weights_sha256="d" * 64)}, {}, set(NAMES)),
        ({}, {"patient": replace(PATIENT, sex="M")}, set(NAMES)),
        ({"draft_id": 99}, {}, set(NAMES)),
        ({"status": "edited"}, {}, set()),
        ({}, {"prior_report": None}, set()),
    ],
)
def test_what_says_something_else_has_another_identifier_and_nothing_else_has(
    view: StudyView, draft: dict[str, Any], changes: dict[str, Any], others: set[str]
) -> None:
    """So a verdict, or a report that is filed meanwhile, sends nothing twice."""
    changed = study_view(draft, view.films, **changes)
    assert changed.version() != view.version()
    pairs = list(zip(make(subject_of(view)), make(subject_of(changed)), strict=True))
    assert {Path(old.name).stem for old, new in pairs if old.uid != new.uid} == others
    assert all((old.uid == new.uid) == (old.content == new.content) for old, new in pairs)


def test_the_objects_are_of_the_time_of_the_draft(view: StudyView) -> None:
    made = datetime(2024, 3, 6, 1, 2, 3, 456, UTC)
    for told in read(study_view({"created_at": made}, view.films)).values():
        assert (told.InstanceCreationDate, told.InstanceCreationTime) == ("20240306", "010203")
        assert told.ContributingEquipmentSequence[0].ContributionDateTime == "20240306010203+0000"


# -- films ------------------------------------------------------------------------------------------------------------


def test_without_a_prior_nothing_is_said_of_one(tmp_path: Path) -> None:
    rows = tuple(replace(r, prior_state=None, change=None, change_probability=None) for r in FINDING_ROWS)
    alone = study_view({"finding_rows": rows}, write_films(tmp_path, prior=False), prior=None, prior_report=None)
    found = write(alone, tmp_path)
    assert {name: errors_of(path) for name, path in found.items()} == VALID
    told = dcmread(found["findings"])
    assert "PertinentOtherEvidenceSequence" not in told
    assert not {codes_of(item) for item in tree(told)} & {
        ("DCM", DIFFERENCE.code),
        (PRIOR_STATE.scheme, PRIOR_STATE.code),
    }


def test_stale_films_and_those_that_are_away_are_told_apart(view: StudyView, tmp_path: Path) -> None:
    gone = replace(view, films=write_films(tmp_path))
    for film in tmp_path.glob("*.dcm"):
        film.unlink()
    for one, code in ((gone, "film.away"), (study_view(), "draft.stale")):
        with pytest.raises(InputError) as told:
            make(subject_of(one))
        assert told.value.code == code


def test_a_film_that_cannot_be_drawn_costs_the_picture_alone(view: StudyView) -> None:
    lost = Subject(view, 10**8, drawn=PixelError("The pixels cannot be decoded."))
    assert [Path(item.name).stem for item in make(lost)] == ["findings", "text"]


def test_no_place_is_marked_on_a_film_of_a_makers_own_class(tmp_path: Path) -> None:
    films = write_films(tmp_path, SOPClassUID="1.3.46.670589.2.5.1.1")
    with pytest.raises(InputError) as told:
        make(subject_of(study_view(films=films)))
    assert told.value.code == "film.class"
    found = write(study_view({"regions": ()}, films), tmp_path)
    assert {name: errors_of(path) for name, path in found.items()} == VALID


def test_nobody_has_no_number(view: StudyView) -> None:
    found = read(study_view(films=view.films, patient=NAMELESS)).values()
    assert {told.PatientID for told in found} == {""} and not any("PatientIdentityRemoved" in told for told in found)


@pytest.mark.parametrize("pictures", [False, True])
def test_under_pseudonyms_nothing_tells_who_it_is(view: StudyView, tmp_path: Path, pictures: bool) -> None:
    hidden = Pseudonyms(bytes(range(32)), with_pictures=pictures).hide(view)
    subject = subject_of(hidden) if pictures else Subject(hidden, 10**8)
    items = make(subject)
    assert len(items) == 2 + pictures
    for item in items:
        told = dcmread(BytesIO(item.content))
        assert (told.PatientIdentityRemoved, told.LongitudinalTemporalInformationModified) == ("YES", "MODIFIED")
        assert "pseudonyms" in told.DeidentificationMethod
        for word in (b"Poe", b"Jane", b"S1 ", b"HOSP", b"1.2.3.", b"20240305", b"19500102", b"20240306", b"Elsewhere"):
            assert word not in item.content
        (tmp_path / "x.dcm").write_bytes(item.content)
        assert errors_of(tmp_path / "x.dcm") == []


def test_a_long_name_beyond_ascii_is_kept(tmp_path: Path) -> None:
    name = "عبد الرحمن بن محمد بن عبد العزيز بن سعود^فيصل"  # 64 characters a group are allowed, and not 64 bytes
    films = write_films(tmp_path, PatientName=name, SpecificCharacterSet="ISO_IR 192")
    assert {str(told.PatientName) for told in read(study_view(films=films)).values()} == {name}


def test_no_warning_quotes_a_name(tmp_path: Path) -> None:
    odd = study_view(films=write_films(tmp_path, PatientName="Zzyzx"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert b"Zzyzx" in make(subject_of(odd))[0].content
    assert not [one for one in caught if "Zzyzx" in str(one.message)]


def test_every_change_has_a_code(view: StudyView) -> None:
    rows = tuple(
        replace(FINDING_ROWS[i], change=change) for i, change in enumerate(Change) if FINDINGS[i] != "no finding"
    )
    told = read(study_view({"finding_rows": rows, "regions": ()}, view.films))["findings"]
    said = [
        item.ConceptCodeSequence[0].CodeValue
        for item in tree(told)
        if codes_of_or_none(item) == ("DCM", DIFFERENCE.code)
    ]
    assert sorted(said) == sorted(CHANGES[change].code for change in Change if change is not Change.ABSENT)


def codes_of_or_none(item: Dataset) -> tuple[str, str] | None:
    return codes_of(item) if item.get("ConceptNameCodeSequence") else None


# -- the command -------------------------------------------------------------------------------------------------------


def test_an_export_writes_valid_objects_once(drafted: Tool, tmp_path: Path) -> None:
    place = tmp_path / "out"
    first = drafted.json("export", place, "--format", "sr", "--study", "A102")
    assert (first["drafts"], first["files"], first["failed"]) == (1, 3, {})
    paths = sorted(place.rglob("*.dcm"))
    assert [path.stem for path in paths] == sorted(NAMES)
    assert [errors_of(path) for path in paths] == [[], [], []]
    assert {dcmread(path).AccessionNumber for path in paths} == {"A102"}
    assert drafted.json("export", place, "--format", "sr", "--study", "A102")["files"] == 0


# -- we do not take our own drafts for what others made -----------------------------------------------------------------


@pytest.mark.parametrize("preliminary", [False, True])
def test_our_documents_are_no_reports(written: dict[str, Path], preliminary: bool) -> None:
    found = list(read_path(written["text"].parent, {}, preliminary=preliminary))
    assert found == [Skipped("report.draft"), Skipped("report.not_sr"), Skipped("report.draft")]


def test_a_draft_that_somebody_signed_is_a_report(written: dict[str, Path], tmp_path: Path) -> None:
    signed = dcmread(written["text"])
    signed.CompletionFlag, signed.VerificationFlag, signed.PreliminaryFlag = "COMPLETE", "VERIFIED", "FINAL"
    signed.save_as(tmp_path / "signed.dcm")
    (report,) = read_path(tmp_path, {})
    assert isinstance(report, Report) and report.findings == DRAFT.findings


def test_no_draft_is_made_from_our_picture(written: dict[str, Path], tool: Tool) -> None:
    found = tool.json("generate", "--without-retrieval", written["picture"].parent)
    assert (found["studies"], found["skipped"]) == (0, {"not_image": 2, "colour": 1})
    assert tool.drafts() == {}
