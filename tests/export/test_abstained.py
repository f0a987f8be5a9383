"""A study that is abstained from leaves the house in every format: with the reason, and with nothing that was drafted."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from builders.views import DRAFT, study_view, write_films
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from cxrreport.codes import Abstained
from cxrreport.export import sr
from cxrreport.export.fhir import bundle
from cxrreport.export.hl7 import write_message
from cxrreport.export.html.page import render
from cxrreport.export.html.rows import NOT_DRAFTED, row_of
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.tables.json_lines import document

SAID = f"Not drafted: {Abstained.UNUSUAL.sentence}."
SECRET = ("effusion", "enlarged", "Compared with 2023")


@pytest.fixture
def view(tmp_path: Path) -> StudyView:
    """Such a study, with its films. Its prior has no report, which would rightly speak of effusions."""
    draft = {"abstained": Abstained.UNUSUAL, "priority_reason": "not drafted"}
    return study_view(draft, write_films(tmp_path), prior_report=None)


def hl7(view: StudyView) -> str:
    return write_message(view, Site())[1]


def fhir(view: StudyView) -> str:
    made = bundle.build(view, Site())
    (report,) = (one["resource"] for one in made["entry"] if one["resource"]["resourceType"] == "DiagnosticReport")
    judged = [one["resource"] for one in made["entry"] if one["resource"]["resourceType"] == "Observation"]
    assert len(judged) == 13 and all("dataAbsentReason" in one and "component" not in one for one in judged)
    return json.dumps(report) + base64.b64decode(report["presentedForm"][0]["data"]).decode()


def objects(view: StudyView) -> str:
    made = [dcmread(DicomBytesIO(item.content)) for item in sr.make(Subject(view, 10_000_000))]
    assert [one.Modality for one in made] == ["SR", "OT"]
    return made[0].to_json()


def table(view: StudyView) -> str:
    return json.dumps(document(view), default=str)


def page(view: StudyView) -> str:
    told = render(Subject(view, 10_000_000), "../index.html").decode()
    assert 'data-judge="accepted"' not in told and "Table of findings" not in told
    return told[told.index("<body") :]


def row(view: StudyView) -> str:
    made = row_of(view)
    assert made.status == NOT_DRAFTED and made.priority == "urgent" and made.present == made.changes == ()
    return repr(made)


@pytest.mark.parametrize("write", [hl7, fhir, objects, table, page, row])
def test_a_format_tells_why_and_nothing_else(view: StudyView, write) -> None:
    told = write(view)
    assert SAID in told
    if write is not fhir:  # which names the findings of which nothing is told
        assert not [word for word in SECRET if word in told]


def test_pseudonyms_tell_the_same(view: StudyView) -> None:
    assert Pseudonyms(bytes(range(32))).hide(view).draft.findings == SAID


def test_the_digest_of_a_study_tells_a_draft_from_none(view: StudyView) -> None:
    assert view.version() != study_view({"priority_reason": "not drafted"}, view.films, prior_report=None).version()
    assert view.no_draft == (Abstained.UNUSUAL, SAID) and study_view().no_draft is None and DRAFT.not_drafted == ""
