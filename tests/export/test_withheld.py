"""What a draft keeps from its readers is in no format; that it does is in every one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from builders.views import FINDING_ROWS, REGIONS, study_view, write_films
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from cxrreport.export import sr
from cxrreport.export.fhir import bundle
from cxrreport.export.hl7 import write_message
from cxrreport.export.html.page import render
from cxrreport.export.html.rows import row_of
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.report_diff import compare_with_prior
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.tables.json_lines import document
from cxrreport.store.views import PriorReport

SAID = "Not assessed: pleural effusion. Changes not assessed: cardiomegaly."
KEPT = {"pleural effusion": "state", "cardiomegaly": "change"}
SECRET = re.compile(
    r"0?\.91\b|91(?:\.0)? ?%|\.84\b|84(?:\.0)? ?%|\.66\b|66 ?%|\bnew\b right|unchanged"
)  # of what is kept


@pytest.fixture
def view(tmp_path: Path) -> StudyView:
    """A study of which the effusion is kept back, and what became of the heart."""
    whole = [replace(row, withheld=KEPT.get(row.finding, "")) for row in FINDING_ROWS]
    draft = {
        "finding_rows": tuple(told for row in whole if (told := row.told())),
        "withheld": tuple(row for row in whole if row.withheld),
        "findings": "The heart is enlarged.",
        "impression": "Cardiomegaly.",
        "comparison": "",
        "spans": (),
        "regions": REGIONS[1:],
        "references": (),
        "priority_reason": "cardiomegaly (77 %)",
    }
    return study_view(draft, write_films(tmp_path))


def hl7(view: StudyView) -> str:
    return write_message(view, Site())[1]


def fhir(view: StudyView) -> str:
    return json.dumps(bundle.build(view, Site()))


def measured(view: StudyView) -> str:
    return _objects(view)[0]


def told(view: StudyView) -> str:
    return _objects(view)[1]


def _objects(view: StudyView) -> list[str]:
    return [dcmread(DicomBytesIO(item.content)).to_json() for item in sr.make(Subject(view, 10_000_000))]


def table(view: StudyView) -> str:
    return json.dumps(document(view), default=str)


def plain(view: StudyView) -> str:
    return json.dumps(view.document(), default=str)


def page(view: StudyView) -> str:
    told = render(Subject(view, 10_000_000), "../index.html").decode()
    assert "Nothing was left out" not in told
    return re.sub(
        r"data:[^\"]*|<style.*?</style>|<script.*?</script>", "", told[told.index("<body") :], flags=re.DOTALL
    )


def row(view: StudyView) -> str:
    return repr(row_of(view))


@pytest.mark.parametrize("write", [hl7, fhir, measured, told, table, plain, page, row])
def test_a_format_tells_that_it_is_kept_back_and_nothing_of_it(view: StudyView, write) -> None:
    told = write(view)
    if write is not plain:
        assert SAID in told
    assert not SECRET.search(told.replace("New Patient", ""))


def test_a_state_of_the_prior_does_not_tell_the_change(view: StudyView) -> None:
    (heart,) = [one for one in view.findings if one.row.finding == "cardiomegaly"]
    assert (heart.now, heart.before, heart.change) == ("present", "", "")


def test_what_the_prior_said_of_it_is_not_missed(view: StudyView) -> None:
    report = PriorReport("report", None, "Large pleural effusion. There is a fracture. The heart is enlarged.", "")
    told = compare_with_prior(replace(view.held, prior_report=report))
    assert [(one.kind, one.text) for one in told] == [
        ("withheld", "The heart is enlarged."),
        ("dropped", "There is a fracture."),
    ]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("Mild cardiomegaly.", "Severe cardiomegaly."),  # another severity
        ("The heart is normal in size.", "Cardiomegaly."),  # added, and the other dropped
        ("Cardiomegaly.", "Cardiomegaly."),  # that it stayed is its change too
        ("Cardiomegaly.", "Lungs are clear. Cardiomegaly with a pneumothorax."),
    ],
)
def test_sentences_beside_the_prior_do_not_tell_a_change_that_is_kept_back(
    view: StudyView, before: str, now: str
) -> None:
    held = replace(
        view.held, prior_report=PriorReport("report", None, before, ""), draft=replace(view.draft, findings=now)
    )
    told = compare_with_prior(held)
    assert [one.kind for one in told if one.text != "Lungs are clear."] == ["withheld"]
    page = render(Subject(replace(view, held=held, sentences=told), 10_000_000)).decode()
    assert page.count("change not assessed</span>") == 1


def test_pseudonyms_tell_the_same(view: StudyView) -> None:
    assert Pseudonyms(bytes(range(32))).hide(view).not_assessed == SAID
