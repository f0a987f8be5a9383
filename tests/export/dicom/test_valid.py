"""A draft as DICOM objects: valid whatever the films are, and never taken for what others made."""

from __future__ import annotations

import subprocess
import warnings
from dataclasses import replace
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from builders.conformance import errors_of
from builders.dicom import CR
from builders.objects import NAMES, VALID, codes_of, read, subject_of, tree, write
from builders.programs import need
from builders.tool import Tool
from builders.views import DRAFT, FINDING_ROWS, NAMELESS, PATIENT, STUDY, study_view, write_films
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from cxrreport.errors import InputError, PixelError
from cxrreport.export.dicom.concepts import DIFFERENCE, PRIOR_STATE
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.sr import make
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.records import Report
from cxrreport.reports.readers import Skipped, read_path


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


# -- the command ------------------------------------------------------------------------------------------------------


def test_an_export_writes_valid_objects_once(drafted: Tool, tmp_path: Path) -> None:
    place = tmp_path / "out"
    first = drafted.json("export", place, "--format", "sr", "--study", "A102")
    assert (first["drafts"], first["files"], first["failed"]) == (1, 3, {})
    paths = sorted(place.rglob("*.dcm"))
    assert [path.stem for path in paths] == sorted(NAMES)
    assert [errors_of(path) for path in paths] == [[], [], []]
    assert {dcmread(path).AccessionNumber for path in paths} == {"A102"}
    assert drafted.json("export", place, "--format", "sr", "--study", "A102")["files"] == 0


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
