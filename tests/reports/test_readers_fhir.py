"""FHIR DiagnosticReports: shapes, texts, identity, status; what is valid is held against fhir.resources."""

import base64
import copy
import json
from datetime import datetime

import pytest
from builders.pdf import pdf
from fhir.resources.diagnosticreport import DiagnosticReport as R5
from fhir.resources.R4B.diagnosticreport import DiagnosticReport as R4B
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.records import Failure, Report, ReportStatus
from cxrreport.reports import readers
from cxrreport.reports.parsing import fhir_index, fhir_resources
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.readers import fhir

ACSN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
PATIENT = {
    "resourceType": "Patient", "id": "p", "name": [{"family": "DOE"}],
    "identifier": [{"value": "SSN"}, {"type": MR, "system": "http://acme.org/patients", "value": "P1"}],
}  # fmt: skip
STUDY = {
    "resourceType": "ImagingStudy", "id": "s", "status": "available", "subject": {"reference": "Patient/p"},
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"}, {"type": ACSN, "value": "A1"}],
}  # fmt: skip
REPORT = {
    "resourceType": "DiagnosticReport", "id": "r", "status": "final", "issued": "2024-05-06T10:11:12.123-05:00",
    "code": {"coding": [{"system": "http://loinc.org", "code": "36643-5", "display": "XR Chest 2 Views"}]},
    "conclusion": "Normal chest.",
}  # fmt: skip
LINKS = {"subject": {"reference": "Patient/p"}, "imagingStudy": [{"reference": "ImagingStudy/s"}]}
PLAIN = "FINDINGS: Clear lungs.\nIMPRESSION: No effusion.\nElectronically signed by: Dr. Roe"
RTF = r"{\rtf1\ansi FINDINGS: Clear & dry.\par x}"
HTML = "<html><head><title>T</title></head><body><h2>FINDINGS:</h2><div>Clear &amp; dry.</div><ol><li>x</li></ol></body></html>"


def attached(text, kind="text/plain", codec="utf-8"):
    return {"contentType": kind, "data": base64.b64encode(text.encode(codec)).decode()}


def report(**changes):
    return {key: value for key, value in (copy.deepcopy(REPORT) | changes).items() if value is not None}


def linked(**changes):
    return report(**(LINKS | changes))


def bundle(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def read(tmp_path, *documents, indent=None):
    path = tmp_path / "export.json"
    lines = (one if isinstance(one, str) else json.dumps(one, indent=indent) for one in documents)
    path.write_text("\n".join(lines), encoding="utf-8")
    return list(fhir.read(path))


def only(tmp_path, *documents, **more):
    (found,) = read(tmp_path, *documents, **more)
    return found


@pytest.mark.parametrize("indent", [None, 2])
def test_a_bundle(tmp_path, indent):
    found = only(tmp_path, bundle(PATIENT, linked(presentedForm=[attached(PLAIN)]), STUDY), indent=indent)
    assert found == Report(
        "export.json", "A1", accession="A1", study_uid="1.2.3.4", patient_id="P1",
        reported_at=datetime(2024, 5, 6, 10, 11, 12),
        findings="Clear lungs.", impression="No effusion.",
    )  # fmt: skip


def test_full_urls_and_absolute_references(tmp_path):
    made = report(subject={"reference": "urn:uuid:1"}, imagingStudy=[{"reference": "https://x/fhir/ImagingStudy/s"}])
    entries = bundle(made, STUDY)
    entries["entry"].append({"fullUrl": "urn:uuid:1", "resource": PATIENT})
    found = only(tmp_path, entries)
    assert (found.patient_id, found.accession) == ("P1", "A1")


def test_contained_resources_and_identifiers_of_references(tmp_path):
    inside = report(contained=[PATIENT, STUDY], subject={"reference": "#p"}, imagingStudy=[{"reference": "#s"}])
    found = only(tmp_path, inside)
    assert (found.patient_id, found.accession, found.study_uid) == ("P1", "A1", "1.2.3.4")
    logical = report(
        subject={"identifier": {"value": "P2"}},
        imagingStudy=[{"identifier": {"system": "urn:dicom:uid", "value": "urn:oid:1.2.9"}}],
        basedOn=[{"identifier": {"type": ACSN, "value": "A9"}}],
    )
    found = only(tmp_path, logical)
    assert (found.patient_id, found.accession, found.study_uid) == ("P2", "A9", "1.2.9")


def test_r5_names_the_study_otherwise(tmp_path):
    newer = report(imagingStudy=None, study=[{"reference": "#s"}], contained=[STUDY])
    R5.model_validate(newer)
    assert only(tmp_path, newer).study_uid == "1.2.3.4"


def test_our_examples_are_valid():
    R4B.model_validate(linked(presentedForm=[attached(PLAIN)], contained=[PATIENT, STUDY]))


def test_two_studies_or_two_numbers_are_not_guessed_from(tmp_path):
    second = copy.deepcopy(STUDY) | {"id": "t"}
    second["identifier"] = [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.5"}, {"type": ACSN, "value": "A2"}]
    both = report(imagingStudy=[{"reference": "ImagingStudy/s"}, {"reference": "ImagingStudy/t"}])
    found = only(tmp_path, bundle(both, STUDY, second))
    assert (found.study_uid, found.accession, found.external_id) == ("", "", "r")


# -- the text ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forms", "findings"),
    [
        ([attached(HTML, "text/html")], "Clear & dry.\nx"),
        ([attached(HTML, "text/html"), attached(PLAIN)], "Clear lungs."),
        ([attached(PLAIN, "text/plain; charset=utf-8")], "Clear lungs."),
        ([attached("FINDINGS: Épanché.", codec="latin-1")], "Épanché."),
        ([attached("FINDINGS: Épanché.", codec="utf-16")], "Épanché."),
        ([attached(RTF, "application/rtf")], "Clear & dry.\nx"),
        ([attached(RTF, "text/rtf; charset=ascii"), attached(PLAIN)], "Clear lungs."),
        ([attached(pdf("Dr. Roe\nFINDINGS: Clear & dry.\nx").decode(), "application/pdf")], "Clear & dry.\nx"),
        ([{"contentType": "application/pdf", "data": "JVBERi0="}], ""),
        ([{"contentType": "text/plain", "data": "%%%"}], ""),
    ],
)
def test_presented_forms(tmp_path, forms, findings):
    found = only(tmp_path, report(presentedForm=forms))
    assert [line for line in found.findings.splitlines() if line] == findings.splitlines()
    assert found.impression == ("No effusion." if findings == "Clear lungs." else "Normal chest.")


def test_the_narrative_where_nothing_is_presented(tmp_path):
    found = only(tmp_path, report(conclusion=None, text={"status": "generated", "div": f"<div>{HTML}</div>"}))
    assert found.findings.startswith("Clear & dry.")


def test_the_names_of_codes_where_there_is_no_text(tmp_path):
    coded = [{"coding": [{"code": "60046008", "display": "Pleural effusion"}]}, {"text": "Cardiomegaly"}]
    assert only(tmp_path, report(conclusion=None, conclusionCode=coded)).impression == "Pleural effusion. Cardiomegaly."
    assert only(tmp_path, report(conclusionCode=coded)).impression == "Normal chest."


def test_a_scan_is_counted(tmp_path):
    scan = attached(pdf("").decode(), "application/pdf")
    assert only(tmp_path, report(conclusion=None, presentedForm=[scan])) == Skipped("report.scanned")
    assert only(tmp_path, report(presentedForm=[scan])).impression == "Normal chest."


def test_results_with_codes_of_sections(tmp_path):
    def result(number, code, value, status="final"):
        coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
        kind = {"resourceType": "Observation", "id": f"o{number}", "status": status}
        return kind | {"code": coded, "valueString": value}

    made = [result(1, "59776-5", "Clear."), result(2, "19005-8", "Normal."), result(3, "19005-8", "Dry."),
            result(4, "19005-8", "Mass.", "entered-in-error")]  # fmt: skip
    refers = report(result=[{"reference": f"Observation/o{number}"} for number in range(1, 5)])
    found = only(tmp_path, bundle(refers, *made))
    assert (found.findings, found.impression) == ("Clear.", "Normal.\nDry.")


# -- references to other documents ------------------------------------------------------------------------------------


OBSERVATION = {
    "resourceType": "Observation", "id": "o", "status": "final", "valueString": "Small effusion.",
    "code": {"coding": [{"system": "http://loinc.org", "code": "59776-5"}]},
}  # fmt: skip


def export(folder, **files):
    """Write a bulk export: a list of resources is a file of lines, a single one is a file of its own."""
    folder.mkdir(exist_ok=True)
    for name, said in files.items():
        one = isinstance(said, dict)
        text = json.dumps(said, indent=1) if one else "\n".join(map(json.dumps, said))
        (folder / f"{name}{'.json' if one else '.ndjson'}").write_text(text)


@pytest.fixture
def resolved(tmp_path, tmp_path_factory):
    """Reads a tree with its references."""

    def read_all():
        with fhir_index.building(tmp_path_factory.mktemp("home")) as index:
            for file in readers.files(tmp_path):
                for places in fhir_index.places(file):
                    index.add(file, places)
            references = index.done()
            tree = [readers.read_file(file, {}, within=True, references=references) for file in readers.files(tmp_path)]
            return [one for found in tree for one in found if one is not None]

    return read_all


def test_a_bulk_export_is_resolved_within_its_folder(tmp_path, resolved):
    made = linked(result=[{"reference": "Observation/o"}], presentedForm=[{"url": "https://x/fhir/Binary/b"}])
    other = copy.deepcopy(PATIENT)
    other["identifier"][1]["value"] = "P2"
    binary = {"resourceType": "Binary", "id": "b"} | attached("INDICATION: Cough.\nIMPRESSION: Effusion.")
    export(tmp_path / "a", DiagnosticReport=[made], Patient=[PATIENT], Observation=[OBSERVATION], study=STUDY)
    absolute = linked(
        subject={"reference": "https://x/fhir/Patient/p/_history/2"},
        conclusion=None,
        presentedForm=made["presentedForm"],
    )
    export(tmp_path / "b", DiagnosticReport=[absolute], Patient=[other], Binary=[binary])
    first, second = resolved()
    assert (first.patient_id, first.accession, first.study_uid) == ("P1", "A1", "1.2.3.4")
    assert (first.findings, first.impression) == ("Small effusion.", "Normal chest.")
    assert (second.patient_id, second.accession, second.indication) == ("P2", "", "Cough.")
    assert (second.findings, second.impression) == ("", "Effusion.")


def test_what_differs_under_one_name_is_not_guessed_from(tmp_path, resolved):
    moved, other = copy.deepcopy(PATIENT) | {"address": [{"city": "X"}]}, copy.deepcopy(PATIENT)
    other["identifier"][1]["value"] = "P2"
    export(tmp_path / "a", DiagnosticReport=[linked()], first=[PATIENT], then=[moved, STUDY])
    assert [one.patient_id for one in resolved()] == ["P1"]
    export(tmp_path / "a", then=[other, STUDY])
    found, partial = resolved()
    assert (found.patient_id, found.accession, partial) == ("", "A1", Skipped("report.partial"))


def test_references_that_lead_nowhere_are_told(tmp_path):
    assert only(tmp_path, linked()).code == "report.unresolved"
    assert only(tmp_path, linked(subject={"display": "DOE"}, imagingStudy=None)).impression == "Normal chest."
    found, partial = read(tmp_path, report(result=[{"reference": "Observation/o"}]))
    assert found.impression == "Normal chest." and partial == Skipped("report.partial")
    found, partial = read(tmp_path, bundle(linked(), STUDY))  # whose it is nobody can tell
    assert (found.patient_id, found.accession, partial) == ("", "A1", Skipped("report.partial"))


def test_a_bulk_export_shows_life_and_survives_what_is_broken(tmp_path, monkeypatch, resolved):
    monkeypatch.setattr(fhir, "_ALIVE", 2)
    monkeypatch.setattr(fhir_index, "_PAGE", 2)
    monkeypatch.setattr(fhir_index, "MAX_LINE", 900)
    path = tmp_path / "Patient.ndjson"
    lines = [OBSERVATION, {"x": "y" * 2000}, "{broken", OBSERVATION, PATIENT]
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    assert [[name for name, *_ in page] for page in fhir_index.places(path)] == [
        ["Observation/o"], ["Observation/o"], ["Patient/p"]
    ]  # fmt: skip
    assert [getattr(one, "code", one) for one in fhir.read(path)] == [None, "report.malformed", None]
    export(tmp_path, report=linked(imagingStudy=None))
    assert [one.patient_id for one in resolved() if isinstance(one, Report)] == ["P1"]


# -- status and scope -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("final", "final"), ("amended", "corrected"), ("corrected", "corrected"), ("appended", "corrected"),
        ("preliminary", "preliminary"), ("partial", "preliminary"), ("registered", "preliminary"),
        ("modified", "preliminary"), ("unknown", "preliminary"), ("entered-in-error", "withdrawn"),
        ("cancelled", "withdrawn"), (None, "preliminary"),
    ],
)  # fmt: skip
def test_status(tmp_path, given, expected):
    found = only(tmp_path, report(status=given))
    assert found.status is ReportStatus(expected)
    assert found.impression == ("" if expected == "withdrawn" else "Normal chest.")


def test_other_procedures_are_skipped(tmp_path):
    assert only(tmp_path, report(code={"text": "CT Chest WO contrast"})) == Skipped("report.not_chest")
    foot = [attached("TECHNIQUE: Left foot, three views.\n\nThere is a fracture of the toe.")]
    for conclusion in (None, "Fracture."):
        told = report(code={"text": "Radiograph"}, conclusion=conclusion, result=[], presentedForm=foot)
        assert only(tmp_path, told) == Skipped("report.not_chest")
    other = copy.deepcopy(STUDY) | {"modality": [{"code": "MR"}]}
    assert only(tmp_path, bundle(linked(), other)) == Skipped("report.not_chest")


@pytest.mark.parametrize(
    ("request_", "study", "expected"),
    [
        ({"reasonCode": [{"coding": [{"code": "R05", "display": "Cough"}]}, {"text": "Fever"}]}, {}, "Cough"),
        ({"reason": [{"concept": {"text": "Fall"}}], "note": [{"text": "Anxious"}]}, {}, "Fall"),
        ({"reasonCode": [{"text": "Chest X-ray"}], "note": [{"text": "r/o pneumonia"}]}, {}, "r/o pneumonia"),
        ({}, {"reasonCode": [{"text": "Dyspnea"}]}, "Dyspnea"),
        ({"note": "x", "reason": 3}, {"reasonCode": [None]}, ""),
    ],
)
def test_the_request_says_why(tmp_path, request_, study, expected):
    asked = {"resourceType": "ServiceRequest", "id": "q", **request_}
    made = linked(basedOn=[{"reference": "ServiceRequest/q"}])
    assert only(tmp_path, bundle(made, asked, PATIENT, STUDY | study)).indication == expected
    own = made | {"presentedForm": [attached(f"INDICATION: Sepsis.\n{PLAIN}")]}
    assert only(tmp_path, bundle(own, asked, PATIENT, STUDY | study)).indication == "Sepsis."
    assert only(tmp_path, bundle(own | {"status": "cancelled"}, asked, PATIENT, STUDY)).indication == ""


def test_lines(tmp_path):
    lines = [report(id="1"), "{broken", report(id="2", conclusion=None), PATIENT, "", report(id="3")]
    found = read(tmp_path, *lines)
    assert [getattr(one, "code", None) for one in found] == [None, "report.malformed", "report.empty", None]
    assert found[1].message == "Line 2 of a FHIR file is no valid JSON."
    assert [found[0].external_id, found[3].external_id] == ["1", "3"]


def test_long_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(fhir, "MAX_LINE", 900)
    found = read(tmp_path, report(id="1"), report(conclusion="x" * 2000), report(id="3"))
    assert [getattr(one, "code", None) for one in found] == [None, "report.too_large", None]


INNER = [
    "value", "coding", "code", "reference", "identifier", "type", "resourceType", "text",
    "div", "data", "contentType", "concept", "start",
]  # fmt: skip
OUTER = [
    "code", "subject", "imagingStudy", "study", "result", "presentedForm", "text", "identifier",
    "contained", "issued", "status", "basedOn", "effectivePeriod", "conclusion",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["#p", "Patient/p", "ACSN"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(INNER), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(OUTER), JSON, max_size=5), JSON)
@settings(max_examples=200, deadline=None)
def test_no_shape_raises(tmp_path_factory, changes, beside):
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_text(json.dumps(bundle(copy.deepcopy(REPORT | LINKS) | changes, PATIENT, beside)))
    for found in fhir.read(path):
        assert isinstance(found, (Report, Failure, Skipped))
        assert not isinstance(found, Failure) or "DOE" not in found.message


def test_an_appended_report_adds_to_the_one_before(tmp_path):
    found = only(tmp_path, report(status="appended", result=[], conclusion="Addendum: The ward was told."))
    assert (found.appended, found.impression, found.addendum) == (True, "", "The ward was told.")


def test_results_with_names_of_sections(tmp_path):
    results = [
        {"resourceType": "Observation", "id": name, "code": {"text": name}, "valueString": f"{name} it is."}
        for name in ("FINDINGS", "Impression", "Weight")
    ]
    made = report(conclusion=None, result=[{"reference": f"Observation/{one['id']}"} for one in results])
    found = only(tmp_path, bundle(made, *results))
    assert (found.findings, found.impression) == ("FINDINGS it is.", "Impression it is.")


def test_a_second_attachment_is_read_and_a_copy_is_not(tmp_path):
    forms = [attached(PLAIN), attached("ADDENDUM: Small pneumothorax."), attached(PLAIN)]
    found = only(tmp_path, report(conclusion=None, presentedForm=forms))
    assert (found.findings, found.impression) == ("Clear lungs.", "No effusion.")
    assert found.addendum == "Small pneumothorax."


def test_an_addendum_in_plain_text_hides_no_report_of_another_form(tmp_path):
    forms = [attached("ADDENDUM: Small pneumothorax."), attached("<p>FINDINGS: Clear lungs.</p>", "text/html")]
    found = only(tmp_path, report(conclusion=None, presentedForm=forms))
    assert (found.findings, found.addendum) == ("Clear lungs.", "Small pneumothorax.")


def test_more_resources_than_a_bundle_may_have_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(fhir_resources, "MAX_RESOURCES", 3)
    beside = [{"resourceType": "Basic", "id": str(n)} for n in range(3)]
    assert isinstance(only(tmp_path, bundle(*beside[:2], report())), Report)
    assert only(tmp_path, bundle(*beside, report())).code == "report.too_large"
