import base64
import json

import pytest
from builders.fuzz import MARK, damaged, fuzzed
from builders.fuzz_reports import read_fuzzed
from hypothesis import given

PATIENT = {
    "resourceType": "Patient", "id": "p", "name": [{"family": MARK}], "birthDate": "1950-01-02",
    "identifier": [{"type": {"coding": [{"code": "MR"}]}, "system": "http://acme.org/patients", "value": f"{MARK}1"}],
}  # fmt: skip
STUDY = {
    "resourceType": "ImagingStudy", "id": "s", "status": "available", "subject": {"reference": "Patient/p"},
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"}],
}  # fmt: skip
TEXT = base64.b64encode(f"<p>FINDINGS: Clear lungs of {MARK}.</p>".encode()).decode()
REPORT = {
    "resourceType": "DiagnosticReport", "id": "r", "status": "final", "issued": "2024-05-06T10:11:12.123-05:00",
    "code": {"coding": [{"system": "http://loinc.org", "code": "36643-5", "display": "XR Chest 2 Views"}]},
    "identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": "A1"}], "subject": {"reference": "Patient/p"},
    "imagingStudy": [{"reference": "ImagingStudy/s"}], "conclusion": "Normal.",
    "presentedForm": [{"contentType": "text/html", "data": TEXT}],
}  # fmt: skip
PARTS = [PATIENT, REPORT, STUDY]
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in PARTS]}
SPECIMENS = [
    json.dumps(BUNDLE).encode(),
    "\n".join(map(json.dumps, PARTS)).encode(),
    json.dumps(REPORT, indent=1).encode(),
    json.dumps(BUNDLE, indent=1).encode("utf-16"),
]
WORDS = [
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"-1e999", b"NaN", b"1" * 60, b'"\\ud800"', b"\\u0000", b"\\", b"\n"),
    *(b'"resourceType":"Bundle"', b'"status":"entered-in-error"', b'"reference":"#r"', b'"contained":['),
    *(b'"presentedForm":[{"data":"', b"e1xydGYx", b'"text":{"div":"<div><p>', b"<!DOCTYPE ", b"&amp;", b"Chest 1.1."),
]  # fmt: skip


@given(data=damaged(SPECIMENS, WORDS))
@fuzzed()
def test_damaged_resources(tmp_path, data):
    read_fuzzed(tmp_path / "export.json", data, "fhir")


@pytest.mark.parametrize("data", SPECIMENS)
def test_the_specimens_are_read(tmp_path, data):
    assert any(getattr(one, "accession", "") == "A1" for one in read_fuzzed(tmp_path / "export.json", data, "fhir"))
