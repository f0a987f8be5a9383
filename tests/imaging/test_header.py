import os
import struct
import tracemalloc
from datetime import date, datetime

import builders.dicom as builders
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxrreport.errors import HeaderError
from cxrreport.imaging.header import read_header
from cxrreport.records import FileEntry


def read(path, **options):
    return read_header(FileEntry(str(path), os.path.getsize(path), 0), **options)


def code_of(path, **options):
    with pytest.raises(HeaderError) as caught:
        read(path, **options)
    assert str(path) not in caught.value.message and "Poe" not in caught.value.message
    assert caught.value.__cause__ is None
    return caught.value.code


def element(group, number, vr, value):
    long = vr in (b"OB", b"OW", b"SQ", b"UN")
    size = struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))
    return struct.pack("<HH", group, number) + vr + size + value


@pytest.mark.parametrize("syntax", [*builders.LOSSLESS, builders.JPEG_EXTENDED])
def test_reads_the_tags_of_every_transfer_syntax(tmp_path, syntax):
    found = read(builders.write_dicom(tmp_path / "a", syntax=syntax, SeriesDescription="CHEST PA"))
    assert found.transfer_syntax == syntax
    assert (found.sop_uid, found.study_uid, found.patient_id) == ("1.2.3.4.1", "1.2.3.4", "P1")
    assert (found.studied_at, found.time_known) == (datetime(2024, 3, 5, 10, 15), True)
    assert (found.birth_date, found.sex, found.accession) == (date(1950, 1, 2), "F", "A1")
    assert (found.rows, found.columns, found.bits_allocated, found.bits_stored) == (160, 136, 16, 12)
    assert (found.modality, found.view_position, found.series_description) == ("DX", "PA", "CHEST PA")
    assert (found.image_type, found.frames, found.samples_per_pixel) == ("ORIGINAL\\PRIMARY", 1, 1)


def test_reads_the_machine_and_how_it_was_used(tmp_path):
    machine = {"Manufacturer": "Acme", "ManufacturerModelName": "X1", "StationName": "ER 2"}
    tags = {**machine, "PresentationIntentType": "FOR PRESENTATION", "ExposureIndex": "312.5", "DeviationIndex": "-1.2"}
    found = read(builders.write_dicom(tmp_path / "a", **tags))
    assert (found.manufacturer, found.model, found.station) == ("Acme", "X1", "ER 2")
    assert (found.presentation_intent, found.exposure_index, found.deviation_index) == ("FOR PRESENTATION", 312.5, -1.2)


@pytest.mark.parametrize(
    ("age", "birth", "years"),
    [
        ("045Y", "19500102", 45), ("018M", "", 1.5), ("026W", "", 0.5), ("073D", "", 0.2), ("45", "20230305", 1),
        ("", "19500102", 74.17), ("", "", None), ("", "18000101", None), ("", "20250101", None), ("999Y", "20230305", None),
    ],
)  # fmt: skip
def test_the_age_is_as_told_or_from_the_birth(tmp_path, age, birth, years):
    found = read(builders.write_dicom(tmp_path / "a", PatientAge=age, PatientBirthDate=birth))
    assert found.age_years == years


def request(**tags):
    item = Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize("syntax", [builders.IMPLICIT, builders.EXPLICIT, builders.DEFLATED, builders.BIG_ENDIAN])
@pytest.mark.parametrize(
    ("tags", "indication"),
    [
        ({"ReasonForTheRequestedProcedure": "Cough", "AdmittingDiagnosesDescription": "Sepsis"}, "Cough"),
        ({"AdmittingDiagnosesDescription": ["Sepsis", "Ileus"]}, "Sepsis; Ileus"),
        ({"RequestedProcedureDescription": "CHEST PA LAT R/O TB"}, "CHEST PA LAT R/O TB"),
        ({"RequestedProcedureDescription": "CHEST PA AND LATERAL"}, ""),
        ({"RequestedProcedureDescription": "XR SHOULDER LEFT"}, ""),
        ({"ReasonForTheRequestedProcedure": "XXXX"}, ""),
        ({"RequestAttributesSequence": [request(ReasonForTheRequestedProcedure="Fall")]}, "Fall"),
        ({"RequestAttributesSequence": [request(RequestedProcedureDescription="CHEST"),
                                        request(ReasonForTheRequestedProcedure="Fall")]}, "Fall"),
        ({"RequestAttributesSequence": [request(ReasonForTheRequestedProcedure="Fall")],
          "ReasonForTheRequestedProcedure": "Cough"}, "Cough"),
        ({"RequestAttributesSequence": []}, ""),
    ],
)  # fmt: skip
def test_why_the_film_was_made(tmp_path, tags, indication, syntax):
    assert read(builders.write_dicom(tmp_path / "a", syntax=syntax, **tags)).indication == indication


def test_a_request_that_cannot_be_read_costs_no_image(tmp_path):
    whole = builders.write_dicom(tmp_path / "a").read_bytes()
    pixels = whole.rindex(b"\xe0\x7f\x10\x00")
    broken = element(0x0040, 0x0275, b"SQ", b"\xfe\xff\x00\xe0\x08\0\0\0broken!!")
    (tmp_path / "b").write_bytes(whole[:pixels] + broken + whole[pixels:])
    found = read(tmp_path / "b")
    assert (found.patient_id, found.indication) == ("P1", "")


@pytest.mark.parametrize(
    ("day", "clock", "expected", "known"),
    [
        ("20240305", "", datetime(2024, 3, 5), False),
        ("20240305", "10", datetime(2024, 3, 5, 10), True),
        ("20240305", "1030", datetime(2024, 3, 5, 10, 30), True),
        ("20240305", "10:30:15", datetime(2024, 3, 5, 10, 30, 15), True),
        *(("20240305", clock, datetime(2024, 3, 5), False) for clock in ("1", "103", "25", "1061", "10.30", "10 Uhr")),
        ("20240305", "0930", datetime(2024, 3, 5, 9, 30), True),
        ("20240305", "093015.25", datetime(2024, 3, 5, 9, 30, 15, 250000), True),
        ("20240305", "235960", datetime(2024, 3, 5, 23, 59, 59, 999999), True),
        ("2024-03-05", "10:30", datetime(2024, 3, 5, 10, 30), True),
        ("2024.03.05", "", datetime(2024, 3, 5), False),
        ("20240231", "0930", None, False),
        ("20240300", "0930", None, False),
        *((placeholder, "0930", None, False) for placeholder in ("00010101", "19000101", "19491231", "99991231")),
        ("19500101", "0930", None, False),  # the day before the birth
        ("2024-0305", "0930", None, False),
        ("", "0930", None, False),
    ],
)
def test_the_time_of_the_study_is_never_guessed(tmp_path, day, clock, expected, known):
    path = builders.write_dicom(tmp_path / "a", StudyDate=day, StudyTime=clock, AcquisitionDate="20200101")
    found = read(path)
    assert (found.studied_at, found.time_known) == (expected, known)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=600))
@example(b"\0" * 4000)
@example(b"%PDF-1.7" + b"x" * 900)
def test_random_bytes_are_never_dicom_and_never_raise(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("x") / "a"
    path.write_bytes(content)
    assert read(path) is None


@pytest.mark.parametrize("syntax", [builders.IMPLICIT, builders.EXPLICIT])
def test_a_data_set_without_preamble_is_read_when_group_8_validates(tmp_path, syntax):
    whole = builders.write_dicom(tmp_path / "a", syntax=syntax).read_bytes()
    start = whole.index(b"\x08\x00\x08\x00", 132)
    (tmp_path / "bare").write_bytes(whole[start:])
    found = read(tmp_path / "bare")
    assert found.patient_id == "P1" and found.transfer_syntax == syntax


def test_a_birth_date_of_1900_is_none(tmp_path):
    found = read(builders.write_dicom(tmp_path / "a", PatientBirthDate="19000101"))
    assert (found.birth_date, found.age_years) == (None, None)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientID", None), *((uid, value) for uid in ("StudyInstanceUID", "SOPInstanceUID") for value in (None, ""))],
)
def test_an_image_without_identifiers_is_incomplete(tmp_path, keyword, value):
    path = builders.write_dicom(tmp_path / "a", **{keyword: value})  # the file meta still names the image
    assert code_of(path) == "header.incomplete"


def test_a_header_cut_anywhere_is_never_accepted(tmp_path):
    whole = builders.write_dicom(tmp_path / "a").read_bytes()
    pixels = whole.rindex(b"\xe0\x7f\x10\x00")
    for cut in range(200, pixels, 7):
        (tmp_path / "cut").write_bytes(whole[:cut])
        assert code_of(tmp_path / "cut") in ("header.incomplete", "header.malformed")


@pytest.mark.parametrize("length", [0xFFFFFFF0, 0xF0000000])
def test_an_absurd_length_is_malformed(tmp_path, length):
    path = builders.write_dicom(tmp_path / "a")
    whole = path.read_bytes()
    at = whole.index(b"\x20\x00\x0d\x00")
    path.write_bytes(whole[:at] + b"\x19\x00\x10\x10OB\0\0" + struct.pack("<I", length) + whole[at:])
    assert code_of(path) == "header.malformed"


def test_a_deflate_bomb_is_refused_with_little_memory(tmp_path):
    bomb = builders.write_deflated(tmp_path / "bomb", element(8, 8, b"CS", b"ORIGINAL") + b"\0" * (64 << 20))
    assert bomb.stat().st_size < 1 << 17
    tracemalloc.start()
    try:
        assert code_of(bomb, max_dataset_mb=32) == "header.too_large"
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_reports_and_documents_hold_no_image(tmp_path):
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID, report.Modality = builders.BASIC_TEXT_SR, "1.2.3", "SR"
    assert code_of(builders.write_dataset_file(tmp_path / "sr", report)) == "header.not_image"


def test_hostile_values_are_bounded_and_cleaned(tmp_path):
    path = builders.write_dicom(
        tmp_path / "a", StudyDescription="../\x1b[31mred\0" + "x" * 60000, AccessionNumber="1'; DROP TABLE"
    )
    found = read(path)
    assert len(found.study_description) == 128 and "\x1b" not in found.study_description
    assert found.accession == "1'; DROP TABLE"


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.x", "1" * 65])
def test_an_invalid_uid_is_refused(tmp_path, uid):
    assert code_of(builders.write_dicom(tmp_path / "a", StudyInstanceUID=uid)) == "header.malformed"


@pytest.mark.parametrize("keyword", ["PatientID", "IssuerOfPatientID", "AccessionNumber"])
def test_an_identifier_too_long_is_refused_and_never_cut(tmp_path, keyword):
    assert read(builders.write_dicom(tmp_path / "a", **{keyword: "1" * 63 + "2"}))
    assert code_of(builders.write_dicom(tmp_path / "b", **{keyword: "1" * 63 + "23"})) == "header.malformed"


@pytest.mark.parametrize(
    "patient",
    ["", " ", "0", "000", "UNKNOWN", "Anonymous", "N/A", "no-id", "TEST", "xxxx", "99999", "--", "?", "nobody:1"],
)
def test_a_placeholder_names_nobody_and_its_studies_never_meet(tmp_path, patient):
    one, two, same = (
        read(builders.write_dicom(tmp_path / uid, PatientID=patient, StudyInstanceUID=study, SOPInstanceUID=uid))
        for uid, study in (("1.1", "1"), ("2.1", "2"), ("1.2", "1"))
    )
    assert one.patient_id == same.patient_id != two.patient_id
    assert one.patient_id.startswith("nobody:") and two.patient_id.startswith("nobody:")


@pytest.mark.parametrize("patient", ["P1", "7", "11", "1000", "A000", "TEST17", "ANON-0001", "NONEMAKER"])
def test_what_may_be_a_number_of_one_person_is_kept(tmp_path, patient):
    assert read(builders.write_dicom(tmp_path / "a", PatientID=patient)).patient_id == patient


@pytest.mark.parametrize("rows", [b"99999999999999999999", b"-5 ", b"many", b"1e99"])
def test_a_count_out_of_all_bounds_is_malformed(tmp_path, rows):
    whole = builders.write_dicom(tmp_path / "a", pixels=np.zeros((160, 136), np.uint16)).read_bytes()
    honest = element(0x0028, 0x0010, b"US", struct.pack("<H", 160))
    assert whole.count(honest) == 1
    (tmp_path / "b").write_bytes(whole.replace(honest, element(0x0028, 0x0010, b"LO", rows)))
    assert code_of(tmp_path / "b") == "header.malformed"


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("Müller^Anna", True),
        ("ANNA MULLER", True),
        ("Muller, Anna^^^", True),
        ("=Müller^Anna", True),
        ("Müller^Anna=ミュラー^アンナ", True),
        ("Müller^Hanna", False),
        ("Müller", False),
    ],
)
def test_a_name_is_told_apart_by_its_digest_alone(tmp_path, name, alike):
    tags = {"SpecificCharacterSet": "ISO_IR 192"}
    one = read(builders.write_dicom(tmp_path / "a", PatientName="Müller^Anna", **tags), name_key=b"k")
    other = read(builders.write_dicom(tmp_path / "b", PatientName=name, **tags), name_key=b"k")
    assert (one.name_sha256 == other.name_sha256) is alike and len(other.name_sha256) == 64
    assert one.name_sha256 != read(tmp_path / "a", name_key=b"l").name_sha256 and read(tmp_path / "a").name_sha256 == ""


@pytest.mark.parametrize("name", ["", "^^^", "ANONYMOUS", "Doe^John", None])
def test_what_names_nobody_has_no_digest(tmp_path, name):
    assert read(builders.write_dicom(tmp_path / "a", PatientName=name), name_key=b"k").name_sha256 == ""


def test_sequences_of_other_tags_do_not_matter(tmp_path):
    item = Dataset()
    item.PatientID = "SOMEONE ELSE"
    path = builders.write_dicom(tmp_path / "a", OtherPatientIDsSequence=Sequence([item]))
    assert read(path).patient_id == "P1"


def test_a_vanished_file_is_unreadable(tmp_path):
    with pytest.raises(HeaderError) as caught:
        read_header(FileEntry(str(tmp_path / "gone"), 1, 1))
    assert caught.value.code == "header.unreadable" and "gone" not in caught.value.message
