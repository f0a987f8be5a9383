"""Which text is shown as that of the prior: the latest signed report, else the draft that stands."""

from __future__ import annotations

from datetime import datetime

import pytest
from builders.store import make_instance
from sqlalchemy import Engine

from cxrreport.records import Draft, Provenance, Report, ReportStatus
from cxrreport.store import catalogue, drafts, reports, runs
from cxrreport.store.engine import session
from cxrreport.store.views import PriorReport, draft_view, signed_findings

OLD, NEW = datetime(2024, 1, 1), datetime(2024, 2, 1)


@pytest.fixture
def run_id(engine: Engine) -> int:
    """Two studies of one patient: 1 (accession A1) is the prior of 2."""
    with session(engine) as current:
        for number in (1, 2):
            made = make_instance(f"{number}.1", f"1.2.{number}", "P1", accession=f"A{number}")
            catalogue.record_instance(current, made, None, None, lambda a, b: True)
        return runs.begin_run(current, ["generate"], "host", {})


def save(engine: Engine, run_id: int, study_id: int, findings: str, prior: int | None = None) -> None:
    made_with = Provenance("w" * 64, 1, "x", findings)
    made = Draft(study_id, prior, "", findings, "", "", (), (), (), (), made_with)
    with session(engine) as current:
        drafts.save_drafts(current, run_id, [made])


def sign(engine: Engine, findings: str, at: datetime | None, status: ReportStatus = ReportStatus.FINAL) -> None:
    report = Report("r.csv", findings, "A1", patient_id="P1", reported_at=at, findings=findings, status=status)
    with session(engine) as current:
        reports.add_reports(current, [(report, {})])


def prior_report(engine: Engine) -> PriorReport | None:
    with session(engine, read_only=True) as current:
        view = draft_view(current, "A2")
    assert view
    return view.prior_report


def test_the_latest_signed_report_holds(engine: Engine, run_id: int) -> None:
    save(engine, run_id, 1, "Draft of the prior.")
    save(engine, run_id, 2, "Draft.", prior=1)
    sign(engine, "Undated.", None)
    sign(engine, "Newer.", NEW)
    sign(engine, "Older.", OLD)
    sign(engine, "Not signed.", datetime(2024, 3, 1), ReportStatus.PRELIMINARY)
    assert prior_report(engine) == PriorReport("report", NEW, "Newer.", "")


def test_of_two_reports_of_one_time_the_corrected_holds(engine: Engine, run_id: int) -> None:
    save(engine, run_id, 2, "Draft.", prior=1)
    sign(engine, "Corrected.", NEW, ReportStatus.CORRECTED)
    sign(engine, "First.", NEW)
    found = prior_report(engine)
    assert found and found.findings == "Corrected."


def test_without_a_signed_report_the_draft_of_the_prior_is_shown(engine: Engine, run_id: int) -> None:
    save(engine, run_id, 1, "Superseded.")
    save(engine, run_id, 1, "Draft of the prior.")
    save(engine, run_id, 2, "Draft.", prior=1)
    sign(engine, "Not signed.", NEW, ReportStatus.PRELIMINARY)
    assert prior_report(engine) == PriorReport("draft", None, "Draft of the prior.", "")


def test_there_may_be_neither(engine: Engine, run_id: int) -> None:
    save(engine, run_id, 2, "Draft.", prior=1)
    assert prior_report(engine) is None


def test_a_draft_without_a_prior_is_compared_with_nothing(engine: Engine, run_id: int) -> None:
    save(engine, run_id, 1, "Draft of an earlier study.")
    save(engine, run_id, 2, "Draft.")
    assert prior_report(engine) is None


def told(engine: Engine, until: datetime | None = None) -> dict[int, str]:
    with session(engine, read_only=True) as current:
        found = signed_findings(current, {1: until, 2: until})
    return {study_id: signed.findings for study_id, signed in found.items()}


def test_the_decoder_is_told_what_was_signed_of_the_prior(engine: Engine, run_id: int) -> None:
    save(engine, run_id, 1, "Draft of the prior.")
    assert told(engine) == {}  # a draft of ours is no witness
    sign(engine, "Older.", OLD)
    sign(engine, "Newer.", NEW)
    sign(engine, "Not signed.", datetime(2024, 3, 1), ReportStatus.PRELIMINARY)
    assert told(engine) == {1: "Newer."}


def test_the_decoder_is_told_nothing_that_was_signed_later(engine: Engine, run_id: int) -> None:
    sign(engine, "Signed.", NEW)
    assert told(engine, datetime(2024, 2, 2)) == told(engine) == {1: "Signed."}
    assert told(engine, datetime(2024, 1, 15)) == {}
