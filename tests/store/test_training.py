"""Which studies training may learn from, and which part of the patients each belongs to, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from builders.store import NOON, begin_run, save_draft, scan, scan_study
from sqlalchemy import Engine

from cxrreport.drafts import Review, ReviewStatus
from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus, View
from cxrreport.store import catalogue, reports
from cxrreport.store.engine import session
from cxrreport.store.reviews import add_review
from cxrreport.store.standing import standing
from cxrreport.store.training import SignedStudy, patient_bucket, signed_studies

PRELIMINARY, FINAL, CORRECTED, WITHDRAWN = ReportStatus
LABELS = {"edema": State.POSITIVE}


def tell(engine: Engine, number: str, findings: str = "Edema.", name: str = "", **changes: object) -> None:
    with session(engine) as s:
        report = Report("r.csv", name or number, study_uid=number, findings=findings, impression="I.", **changes)  # type: ignore[arg-type]
        reports.add_reports(s, [(report, LABELS)], "test")


def found(engine: Engine, after_id: int = 0, limit: int = 10) -> list[SignedStudy]:
    with session(engine, read_only=True) as s:
        return signed_studies(s, after_id, limit)


def test_a_study_needs_a_frontal_film_in_use_and_a_signed_report_with_findings(engine: Engine) -> None:
    for number in ("1", "2", "3", "4", "5", "6", "9"):
        scan(engine, number, view=View.PA)
    scan(engine, "7", view=View.LATERAL)
    scan(engine, "8")
    signed = {"1": FINAL, "2": CORRECTED, "3": PRELIMINARY, "4": WITHDRAWN, "7": FINAL, "8": FINAL}
    for number, status in signed.items():
        tell(engine, number, status=status)
    tell(engine, "5", findings="  ")
    tell(engine, "9")
    with session(engine) as s:
        nine = next(study for study in catalogue.candidate_studies(s) if study.uid == "9")
        catalogue.mark_unusable(s, nine.images[0].id, "pixels.malformed")
    usable = found(engine)
    assert [signed.study.uid for signed in usable] == ["1", "2"]
    assert usable[0].labels == LABELS and (usable[0].findings, usable[0].impression) == ("Edema.", "I.")
    assert found(engine, limit=1) == usable[:1] and found(engine, usable[0].study.id) == usable[1:]


def test_of_several_reports_the_latest_holds(engine: Engine) -> None:
    scan(engine, "1", view=View.PA)
    # two systems that name the patient differently: the archive holds two reports of one study
    tell(engine, "1", "Early.", reported_at=datetime(2024, 5, 6, 9))
    tell(engine, "1", "Late.", patient_id="P1", reported_at=datetime(2024, 5, 6, 10))
    assert [signed.findings for signed in found(engine)] == ["Late."]


def test_a_study_of_which_the_latest_report_has_no_findings_is_left_out(engine: Engine) -> None:
    """What drafts are judged by is what is learnt from: never an older report."""
    scan(engine, "1", view=View.PA)
    tell(engine, "1", "Early.", reported_at=datetime(2024, 5, 6, 9))
    tell(engine, "1", "", patient_id="P1", reported_at=datetime(2024, 5, 6, 10))
    assert found(engine) == []


def test_without_a_report_what_a_reader_wrote_holds_and_an_accepted_draft_teaches_nothing(engine: Engine) -> None:
    verdicts = {
        "1": (ReviewStatus.EDITED, "FINDINGS: Edema."),
        "2": (ReviewStatus.ACCEPTED, "Edema."),
        "3": (ReviewStatus.REJECTED, None),
    }
    for number, (status, text) in [*verdicts.items(), ("4", verdicts["1"])]:
        study = scan_study(engine, number, f"P{number}", view=View.PA)
        save_draft(engine, begin_run(engine), study.id, number)
        with session(engine) as s:
            draft = standing(s, study.id)
            assert draft is not None
            add_review(s, draft.id, Review(status, "r", NOON.replace(tzinfo=UTC), text))
    tell(engine, "4", "No edema.")
    assert [(one.study.uid, one.written, one.findings) for one in found(engine)] == [
        ("1", "FINDINGS: Edema.", ""),
        ("4", "", "No edema."),
    ]
    assert [one.study.uid for one in found(engine, limit=1)] == ["1"]
    assert [one.study.uid for one in found(engine, found(engine)[0].study.id, limit=1)] == [
        "4"
    ]  # none of the page before


def test_why_the_film_was_made_is_told_by_the_headers_else_by_the_report(engine: Engine) -> None:
    for number, headers, told in (("1", "Fever", "Cough"), ("2", "", "Cough"), ("3", "", "")):
        scan(engine, number, view=View.PA, indication=headers)
        tell(engine, number, indication=told)
    assert [signed.indication for signed in found(engine)] == ["Fever", "Cough", ""]


def test_all_studies_of_a_patient_are_in_one_part_and_issuers_keep_patients_apart(engine: Engine) -> None:
    for number, patient, issuer in (("1", "P1", ""), ("2", "P1", ""), ("3", "P1", "north")):
        scan(engine, number, patient, View.PA, issuer=issuer)
        tell(engine, number)
    expected = [patient_bucket(issuer, "P1") for issuer in ("", "", "north")]
    assert [signed.bucket for signed in found(engine)] == expected


@pytest.mark.parametrize(("issuer", "mrn", "bucket"), [("", "P1", 3), ("north", "P1", 0), ("n", "orthP1", 8)])
def test_the_part_of_a_patient_never_changes(issuer: str, mrn: str, bucket: int) -> None:
    """Weights were trained on it: whoever changes the rule lets tests leak into training."""
    assert patient_bucket(issuer, mrn) == bucket


def test_parts_are_about_equal() -> None:
    parts = [patient_bucket("", str(number)) for number in range(10_000)]
    assert all(900 < parts.count(part) < 1100 for part in range(10))
