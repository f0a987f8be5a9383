"""A draft as DICOM objects: never final, the same bytes again, and telling just what the view tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from builders.conformance import errors_of
from builders.objects import NAMES, Objects, codes_of, read, subject_of, tree, write
from builders.views import DRAFT, FINDING_ROWS, PATIENT, PRIOR, REGIONS, STUDY, study_view
from highdicom.sr import Comprehensive3DSR, EnhancedSR, srread
from pydicom import Dataset, dcmread

from cxrreport import DISCLAIMER
from cxrreport.export.coding import CHANGES, STATES, code_of
from cxrreport.export.dicom.concepts import CERTAINTY, DIFFERENCE, PRIOR_STATE
from cxrreport.export.sr import make
from cxrreport.export.study import StudyView
from cxrreport.findings import FINDINGS, Change


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


def test_the_objects_are_of_the_study_and_of_the_patient(objects: Objects) -> None:
    for told in objects.values():
        assert told.SpecificCharacterSet == "ISO_IR 192"
        assert (told.StudyInstanceUID, told.AccessionNumber, told.StudyID) == (STUDY.uid, STUDY.accession, "S1")
        assert (told.PatientID, told.PatientName, told.IssuerOfPatientID) == ("P1", "Poe^Jane", "HOSP")
        assert (told.PatientBirthDate, told.PatientSex, told.StudyDate) == ("19500102", "F", "20240305")
        assert told.SeriesInstanceUID not in (f"{STUDY.uid}.1", f"{PRIOR.uid}.1")
    assert objects["findings"].SeriesInstanceUID == objects["text"].SeriesInstanceUID
    assert objects["picture"].SeriesInstanceUID != objects["text"].SeriesInstanceUID


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
