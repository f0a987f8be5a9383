import csv
import hashlib
import json
from collections import Counter

import pytest
from builders.conformance import errors_of
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from cxrreport.demo.distractors import REAL_IMAGE, copy_real_image
from cxrreport.demo.hospital import build_hospital
from cxrreport.findings import FINDINGS

CHEST = ("CR", "DX")


def headers(hospital):
    """(path, header) of everything that can be read as DICOM, the file without preamble included."""
    for path in sorted(hospital.pacs.rglob("*")):
        if not path.is_file() or path.suffix in (".TXT", ".zip") or path.stat().st_size == 0:
            continue
        try:
            yield path, dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            yield path, dcmread(path, stop_before_pixels=True, force=True)


@pytest.fixture(scope="module")
def films(hospital):
    return [(path, header) for path, header in headers(hospital) if header.get("Modality") in CHEST]


def by_accession(hospital):
    return {study.accession: study for study in hospital.studies}


def test_every_chest_study_is_in_the_truth(hospital, films):
    known = {study.uid for study in hospital.studies}
    legs = {header.StudyInstanceUID for _, header in films if header.PatientID.startswith("D09")}
    assert {header.StudyInstanceUID for _, header in films} - legs == known
    assert len(legs) == 2


def test_view_counts(hospital, films):
    counted = Counter({header.SOPInstanceUID: header.StudyInstanceUID for _, header in films}.values())
    assert all(counted[study.uid] == study.views for study in hospital.studies)
    assert [study.views for study in hospital.studies if study.frontals == 0] == [1]


def test_storage_varies_as_in_real_archives(hospital, films):
    own = [header for _, header in films if header.StudyInstanceUID != hospital.studies[-1].uid]
    syntaxes = {str(header.file_meta.TransferSyntaxUID) for header in own if "TransferSyntaxUID" in header.file_meta}
    assert len(syntaxes) == 6
    assert {header.Modality for header in own} == set(CHEST)
    assert {header.PhotometricInterpretation for header in own} == {"MONOCHROME1", "MONOCHROME2"}
    assert any("VOILUTSequence" in header for header in own) and any("WindowCenter" in header for header in own)
    assert all(header.PixelRepresentation == 0 for header in own)
    assert any(not header.get("ViewPosition") for header in own)
    assert any(not header.get("BodyPartExamined") for header in own)
    assert {header.BitsStored for header in own} == {12, 16}


def test_good_films_conform(films):
    bare = [path for path, header in films if "TransferSyntaxUID" not in header.file_meta]
    assert len(bare) == 1
    for path, header in films:
        if path.name == "000017" or header.InstitutionName != "Demo Hospital":
            continue  # cut short on purpose; a real film with faults of its own
        assert errors_of(path) == [], path.name


def test_what_must_be_skipped_is_there(hospital, films):
    paths = [path for path in hospital.pacs.rglob("*") if path.is_file()]
    contents = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert sorted(contents.values())[-2:] == [1, 2], "one duplicate"
    assert any(path.stat().st_size == 0 for path in paths)
    assert {".zip", ".TXT", ""} <= {path.suffix for path in paths}
    assert {"CT", "SR"} <= {header.get("Modality") for _, header in headers(hospital)}
    cut = hospital.pacs / "vol2/c4/000017"
    whole = dcmread(hospital.pacs / "vol1/00/000000.dcm")
    assert dcmread(cut, stop_before_pixels=True).SOPInstanceUID == whole.SOPInstanceUID
    assert cut.stat().st_size < (hospital.pacs / "vol1/00/000000.dcm").stat().st_size
    assert any(path.suffix == "" for path, _ in films if path != cut)


def test_films_of_a_study_lie_apart(hospital, films):
    folders = {}
    for path, header in films:
        folders.setdefault(header.StudyInstanceUID, set()).add(path.parent)
    assert any(len(places) > 1 for places in folders.values())
    assert not any("D00" in str(path.relative_to(hospital.pacs)) for path, _ in films)


def test_priors_are_earlier_studies_of_the_same_patient(hospital):
    known = by_accession(hospital)
    paired = [study for study in hospital.studies if study.prior]
    assert len(paired) >= 12
    for study in paired:
        prior = known[study.prior]
        assert prior.patient_id == study.patient_id and prior.studied_at < study.studied_at and prior.frontals


def test_the_traps_of_pairing_are_set(hospital, films):
    times = Counter((study.patient_id, study.studied_at) for study in hospital.studies)
    assert sorted(times.values())[-1] == 2, "one tie"
    births = {}
    for _, header in films:
        births.setdefault(header.PatientID, set()).add(header.PatientBirthDate)
    assert sorted(len(dates) for dates in births.values())[-2:] == [1, 2], "one number, two people"
    days = Counter(
        (s.patient_id, s.studied_at[:10]) for s in hospital.studies if times[s.patient_id, s.studied_at] == 1
    )
    assert 2 in days.values(), "a same-day repeat"
    reasons = Counter(study.no_prior for study in hospital.studies if study.prior is None)
    assert reasons["prior.tie"] == 3 and reasons["prior.identity"] == 1


def test_changes_between_visits_are_known(hospital):
    known = by_accession(hospital)
    changes = set()
    for study in hospital.studies:
        if study.prior:
            now = {(one.finding, one.side): one.severity for one in study.lesions}
            then = {(one.finding, one.side): one.severity for one in known[study.prior].lesions}
            changes |= {"new" for key in now.keys() - then} | {"resolved" for key in then.keys() - now}
            changes |= {
                "worse" if now[key] > then[key] else "better" for key in now.keys() & then if now[key] != then[key]
            }
    assert changes == {"new", "resolved", "worse", "better"}
    assert {one.finding for study in hospital.studies for one in study.lesions} == set(FINDINGS[:-1])


def test_reports_are_signed_for_two_thirds(hospital):
    texts = {path.stem for path in hospital.reports.glob("*.txt")}
    with (hospital.reports / "reports.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = by_accession(hospital)
    table = {row["accession"] for row in rows}
    signed = {study.accession for study in hospital.studies if study.signed}
    assert texts | (table & set(known)) == signed and not texts & table
    assert 0.55 < len(signed) / len(known) < 0.8
    assert len(table - set(known)) == 40
    assert list(rows[0]) == ["accession", "study_uid", "patient_id", "date", "findings", "impression", "comparison"]
    assert all(row["study_uid"] == known[row["accession"]].uid for row in rows if row["accession"] in known)
    assert len({row["findings"] for row in rows}) > 35


def test_text_reports_have_their_sections(hospital):
    text = (hospital.reports / "A00102.txt").read_text()
    for heading in ("INDICATION:", "COMPARISON:", "FINDINGS:", "IMPRESSION:"):
        assert heading in text
    assert "right pleural effusion" in text and "new" in text.lower()


def test_truth_is_written(hospital):
    written = json.loads(hospital.truth_file.read_text())["studies"]
    assert [study["accession"] for study in written] == [study.accession for study in hospital.studies]
    first = next(study for study in written if study["lesions"])
    assert set(first["boxes"]) == {str(number) for number in range(len(first["lesions"]))}


def test_the_same_seed_builds_the_same_bytes(tmp_path):
    digests = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        built = build_hospital(tmp_path / name, seed=seed, patients=2, side=48)
        files = sorted(path for path in built.directory.rglob("*") if path.is_file())
        digest = hashlib.sha256()
        for path in files:
            digest.update(str(path.relative_to(built.directory)).encode() + path.read_bytes())
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_the_real_film_is_used_where_it_is_installed(hospital, monkeypatch, tmp_path):
    real = [study for study in hospital.studies if not study.synthetic]
    assert bool(real) == bool(list(hospital.pacs.glob("vol3/9b/*")))
    assert REAL_IMAGE.startswith("RG1")
    monkeypatch.setattr("cxrreport.demo.distractors.external_data_sources", dict)
    assert copy_real_image(tmp_path) is None and not list(tmp_path.iterdir())


def test_a_hospital_needs_a_patient(tmp_path):
    with pytest.raises(ValueError, match="patient"):
        build_hospital(tmp_path, patients=0)
