"""FHIR Bundles: valid, resolvable, idempotent, preliminary, and read back by our own reader."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.fhir import Resource, Server, errors_of, references
from builders.tool import Tool
from builders.views import FINDING_ROWS, NAMELESS, PATIENT, PROVENANCE, STUDY, TEXT, study_view
from fhir.resources.R4B.bundle import Bundle
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxrreport import DISCLAIMER
from cxrreport.drafts import Finding
from cxrreport.export.fhir import bundle, make
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.records import Report, ReportStatus
from cxrreport.reports.readers import Skipped, read_path
from cxrreport.reports.readers import fhir as reader

ANY = st.text(st.characters(exclude_categories=["Cs"]))


def build(view: StudyView, timezone: str | None = None) -> Resource:
    return bundle.build(view, Site(timezone=timezone))


def resources(view: StudyView, kind: str = "") -> list[Resource]:
    found = [entry["resource"] for entry in build(view)["entry"]]
    return [one for one in found if one["resourceType"] == kind or not kind]


def finding(view: StudyView, code: str) -> Resource:
    """The Observation of a code of ours."""
    (found,) = (one for one in resources(view, "Observation") if one["code"]["coding"][-1]["code"] == code)
    return found


def component(observation: Resource, code: str) -> Resource | None:
    found = (one for one in observation["component"] if one["code"]["coding"][0]["code"] == code)
    return next(found, None)


def test_a_bundle_holds_what_was_made_from_what_by_what() -> None:
    kinds = [one["resourceType"] for one in resources(study_view())]
    assert kinds == ["Device", "ImagingStudy", *["Observation"] * 13, "DiagnosticReport", "Provenance"]


def test_nobody_has_no_number() -> None:
    made = resources(study_view(patient=NAMELESS))
    told = {json.dumps(one["subject"]) for one in made if "subject" in one}
    assert told == {'{"type": "Patient", "display": "A patient without a number"}'} and "nobody" not in json.dumps(made)


def test_all_that_the_network_says_is_preliminary_labelled_and_marked_as_its_own() -> None:
    (report,) = resources(study_view(), "DiagnosticReport")
    results = [report, *resources(study_view(), "Observation")]
    assert {one["status"] for one in results} == {"preliminary"}
    assert {coding["code"] for one in results for coding in one["meta"]["security"]} == {"AIAST"}
    shown = b64decode(report["presentedForm"][0]["data"]).decode()
    for text in (shown, report["conclusion"], report["text"]["div"]):
        assert DISCLAIMER in text
    for sentence in study_view().to_heed():
        assert sentence in shown and sentence in report["text"]["div"]
    assert TEXT in shown and all(one["note"] == [{"text": DISCLAIMER}] for one in results[1:])


def test_a_finding_has_its_state_its_probability_its_change_and_its_place() -> None:
    effusion = finding(study_view(), "EFF")
    assert [one["code"] for one in effusion["code"]["coding"]] == ["60046008", "EFF"]
    assert effusion["valueCodeableConcept"]["coding"][0]["display"] == "Present"
    assert effusion["interpretation"][0]["coding"][0]["code"] == "POS"
    assert effusion["extension"][0]["valueDecimal"] == 0.91
    assert effusion["bodySite"]["coding"][0]["display"] == "Pleural structure"
    probability, change, side = (component(effusion, code) for code in ("122157", "CHANGE", "272741003"))
    assert probability and probability["valueQuantity"]["value"] == 0.91
    assert change and change["valueCodeableConcept"]["coding"][0]["code"] == "NEW"
    assert change["extension"][0]["valueDecimal"] == 0.84
    assert side and side["valueCodeableConcept"]["coding"][0]["display"] == "Right"


def test_how_sure_a_no_is_is_no_probability_of_a_yes() -> None:
    absent = finding(study_view(), "PTX")
    assert absent["valueCodeableConcept"]["coding"][0]["display"] == "Absent"
    assert absent["extension"][0]["valueDecimal"] == 0.96
    probability = component(absent, "122157")
    assert probability and probability["valueQuantity"]["value"] == 0.04
    assert component(absent, "CHANGE") is None and "extension" not in finding(study_view(), "PNA")


def test_what_was_not_judged_says_so() -> None:
    blank = tuple(replace(row, state=State.BLANK, change=None) for row in FINDING_ROWS)
    found = resources(study_view(draft={"finding_rows": blank}), "Observation")
    assert len(found) == 13 and not any("valueCodeableConcept" in one or "extension" in one for one in found)
    assert all(one["dataAbsentReason"]["coding"][0]["code"] == "not-performed" for one in found)


def test_the_patient_is_named_by_number_and_no_clock_is_invented() -> None:
    (study,) = resources(study_view(), "ImagingStudy")
    assert study["subject"]["identifier"]["value"] == "P1" and "reference" not in study["subject"]
    assert study["started"] == "2024-03-05"
    report = build(study_view(), "Europe/Berlin")["entry"][-2]["resource"]
    assert report["effectiveDateTime"] == "2024-03-05T10:15:00+01:00"
    undated = build(study_view(study=replace(STUDY, time_known=False)), "Europe/Berlin")["entry"][1]["resource"]
    assert undated["started"] == "2024-03-05"
    assert [one["value"] for one in study["identifier"]] == ["urn:oid:1.2.3.4", "A1"]


def test_other_weights_are_another_device() -> None:
    other = study_view(draft={"provenance": replace(PROVENANCE, weights_sha256="d" * 64)})
    ids = [resources(view, "Device")[0]["id"] for view in (study_view(), study_view(), other)]
    assert ids[0] == ids[1] != ids[2]


def test_the_same_study_gives_the_same_bytes() -> None:
    one, same = (list(make(Subject(study_view(), 1))) for _ in range(2))
    assert one == same and one[0].name == "fhir/7.json"
    assert one[0].uid == json.loads(one[0].content)["id"]


# -- a server ---------------------------------------------------------------------------------------------------------


def test_sending_twice_doubles_nothing_and_a_new_draft_takes_the_place_of_the_old() -> None:
    server, sent = Server(), build(study_view())
    server.transaction(sent)
    server.transaction(sent)
    assert all(len(versions) == 1 for versions in server.kept.values()) and len(server.kept) == 17
    server.transaction(build(study_view(draft={"impression": "No effusion."})))
    assert len(server.kept) == 17  # the report has a second version
    (report,) = (one for one in server.current.values() if one["resourceType"] == "DiagnosticReport")
    assert report["conclusion"].endswith("No effusion.") and {*report["result"][0]} == {"reference", "type"}


def test_every_reference_leads_to_a_resource_of_the_server() -> None:
    server = Server()
    server.transaction(build(study_view()))
    assert {name for one in server.current.values() for name in references(one)} < server.current.keys()


# -- readers ----------------------------------------------------------------------------------------------------------


def test_our_reader_finds_the_study_and_that_nobody_has_signed(tmp_path: Path) -> None:
    place = tmp_path / "one.json"
    place.write_bytes(next(make(Subject(study_view(), 1))).content)
    (report,) = reader.read(place)
    assert isinstance(report, Report)
    assert (report.patient_id, report.accession, report.study_uid) == ("P1", "A1", "1.2.3.4")
    assert report.status is ReportStatus.PRELIMINARY and TEXT in report.findings


def test_an_export_of_the_archive_is_taken_whole_and_is_no_report_for_an_index(drafted: Tool, tmp_path: Path) -> None:
    drafted.json("export", tmp_path / "out", "--format", "fhir")
    server, places = Server(), sorted((tmp_path / "out" / "fhir").iterdir())
    for place in places:
        server.transaction(json.loads(place.read_text()))
    kinds = [name.partition("/")[0] for name in server.current]
    assert kinds.count("DiagnosticReport") == len(places) > 3 and kinds.count("Device") == 1
    found = list(read_path(tmp_path / "out" / "fhir", {}, preliminary=True))
    assert found == [Skipped("report.draft")] * len(places)


def test_an_independent_validator_finds_nothing_and_would_have_found_something() -> None:
    found = resources(study_view())
    wrong = [{**one, "status": "prelim"} for one in found if one["resourceType"] == "DiagnosticReport"]
    assert errors_of(wrong) and errors_of(found) == []


# -- any study --------------------------------------------------------------------------------------------------------


@st.composite
def rows(draw: st.DrawFn) -> Finding:
    share = st.floats(0, 1)
    state, change = draw(st.sampled_from(State)), draw(st.none() | st.sampled_from(Change))
    return Finding(draw(st.sampled_from(FINDINGS)), state, draw(share), None, None, change, draw(st.none() | share))


@settings(max_examples=15, deadline=None)
@example([], "a\xa0b\u2028c\x0bd", "\x00", " ")
@given(st.lists(rows(), max_size=14, unique_by=lambda row: row.finding), ANY, ANY, ANY)
def test_any_study_is_a_valid_bundle_of_resolvable_references(
    told: list[Finding], text: str, accession: str, issuer: str
) -> None:
    draft = {"finding_rows": tuple(told), "findings": text, "impression": text}
    study, patient = replace(STUDY, accession=accession, description=text), replace(PATIENT, issuer=issuer)
    built = build(study_view(draft=draft, study=study, patient=patient, prior=None))
    assert Bundle.model_validate(built).model_dump(mode="json", exclude_none=True).keys() == built.keys()
    urls = {entry["fullUrl"] for entry in built["entry"]}
    assert len(urls) == len(built["entry"]) and {*references(built)} <= urls
    assert not _empty(built)


def _empty(part: Any) -> bool:
    """FHIR forbids elements that hold nothing, anywhere."""
    if isinstance(part, (dict, list)):
        values = list(part.values()) if isinstance(part, dict) else part
        return not values or any(map(_empty, values))
    return part is None or part == ""


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", 'a & b "c"', "]]>"])
def test_the_narrative_is_text_and_no_markup(text: str) -> None:
    from xml.etree import ElementTree

    (report,) = resources(study_view(draft={"findings": text}), "DiagnosticReport")
    said = ElementTree.fromstring(report["text"]["div"])
    assert text in "".join(said.itertext()) and {one.tag.rpartition("}")[2] for one in said.iter()} == {"div", "p", "b"}
