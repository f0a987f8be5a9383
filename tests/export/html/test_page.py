"""The page of a study: what it tells, that nothing in it can act, and that it is always the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from builders.views import DRAFT, PATIENT, PRIOR_REPORT, REFERENCES, STUDY, study_view, write_films
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport import DISCLAIMER
from cxrreport.drafts import Finding
from cxrreport.export.html.page import render
from cxrreport.export.html.rows import row_of
from cxrreport.export.study import Films, StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.words import OF_THE_PRIOR
from cxrreport.findings import Change, State

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def page(view: StudyView) -> str:
    return render(Subject(view, 10_000_000), "../index.html").decode()


def test_a_page_tells_what_a_reader_asks(tmp_path: Path) -> None:
    told = page(study_view(films=write_films(tmp_path)))
    for words in (
        DISCLAIMER,
        "P1",
        "A1",
        "2024-03-05 10:15",
        "Cough.",
        "CHEST PA",
        "urgent",
        "91 %",
        "B1",
        "2022-01-01",
    ):
        assert words in told
    assert told.count("data:image/webp") == len(re.findall("<img", told)) >= 2


def test_what_others_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    study = replace(STUDY, description=HOSTILE, indication=HOSTILE, institution=HOSTILE, accession=HOSTILE)
    draft = {"findings": HOSTILE, "impression": HOSTILE, "spans": (), "priority_reason": HOSTILE}
    report = replace(PRIOR_REPORT, findings=HOSTILE, impression=HOSTILE)
    view = study_view(draft, write_films(tmp_path), study=study, prior_report=report)
    hostile = replace(REFERENCES[0], findings=HOSTILE, impression=HOSTILE, accession=HOSTILE)
    told = page(replace(view, references=((hostile,),), flags=((HOSTILE, HOSTILE),)))
    assert "<script>alert" not in told and "<img src=x" not in told and HOSTILE not in told
    assert told.count("<script>") == 1


def test_worklist_and_page_tell_one_patient_and_one_text() -> None:
    """A reader who edits the draft from either edits the same words."""
    view = study_view({"impression": ""}, Films(), study=replace(STUDY, age_years=49.6))
    row, told = row_of(view), page(view)
    (study,) = re.findall(r'<script type="application/json" id="study">(.*)</script>', told)
    assert json.loads(study)["text"] == row.text == DRAFT.findings
    assert row.person == "F 49 y" and "F 49 y" in told


def test_only_what_is_there_is_implied() -> None:
    """What is not there any more is no part of what is: it has changed, and is told first."""
    rows = (
        Finding("pneumonia", State.POSITIVE, 0.9, State.BLANK, 0.1, Change.NEW, 0.9),
        Finding("consolidation", State.NEGATIVE, 0.1, State.POSITIVE, 0.9, Change.RESOLVED, 0.9),
        Finding("lung opacity", State.POSITIVE, 0.9, State.POSITIVE, 0.9, Change.UNCHANGED, 0.9),
    )
    plain, _, implied = page(study_view({"finding_rows": rows}, Films())).partition("1 more, implied by one of these")
    assert 'data-f="consolidation"' in plain and 'data-f="lung-opacity"' not in plain
    assert 'data-f="lung-opacity"' in implied


def test_a_prior_is_told_to_have_states_of_its_report_and_numbers_of_its_film() -> None:
    rows = (Finding("edema", State.POSITIVE, 0.9, State.POSITIVE, 0.04, Change.WORSENED, 0.9),)
    assert OF_THE_PRIOR in page(study_view({"finding_rows": rows}, Films()))
    assert OF_THE_PRIOR not in page(study_view({}, Films(), prior=None))


def test_a_film_that_is_gone_costs_the_pictures_and_nothing_else(tmp_path: Path) -> None:
    films = write_films(tmp_path)
    (tmp_path / "prior.dcm").unlink()
    told = page(study_view(films=films))
    assert "film.away" in told and "<img" not in told and DRAFT.findings[:20] in told


def test_one_view_gives_one_page(tmp_path: Path) -> None:
    view = study_view(films=write_films(tmp_path))
    assert page(view) == page(view)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
@settings(max_examples=40, deadline=None)
def test_a_number_at_the_foot_of_a_print_ends_neither_its_string_nor_the_style(number: str) -> None:
    told = page(study_view(films=Films(), patient=replace(PATIENT, mrn=number)))
    style = told[told.index("<style>") : told.index("</style>")]
    rule = style[style.rindex("@page") :]
    assert rule.count('"') == 2 and "<" not in rule and "\n" not in rule.strip()


def test_each_sheet_bears_the_label() -> None:
    (label,) = re.findall(r'@bottom-center { content: "(.*)"; }', page(study_view(films=Films())))
    assert re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), label) == DISCLAIMER
