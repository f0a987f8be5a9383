"""Runs, failed files, the audit and the state of the archive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from builders.store import begin_run, save_draft, scan
from sqlalchemy import Engine, select

from cxrreport.records import Failure, Report, View
from cxrreport.store import attempts, reports, runs
from cxrreport.store.engine import session
from cxrreport.store.schema import AuditRow, FailureRow


def test_a_run_is_told_from_beginning_to_end(engine: Engine) -> None:
    secrets = [
        "postgresql://me:s3cr/@t@host/db",
        "--db=postgresql://me:s3cret@host/db",
        "postgresql://host/?sslpassword=s3c",
    ]
    argv = ["generate", "--db", *secrets, "--patient", "P17", "--patient=P17", "/export"]
    with session(engine) as current:
        first = runs.begin_run(current, argv, "ward-1", {"torch": "2.13"})
        second = runs.begin_run(current, [], "ward-2", {})
        runs.end_run(current, first, {"drafted": 3}, 3)
    with session(engine, read_only=True) as current:
        latest, told = runs.list_runs(current, 5)
        assert len(runs.list_runs(current, 1)) == 1
    assert (latest.id, latest.ended_at, latest.exit_code) == (second, None, None)
    assert (told.host, told.versions, told.counts, told.exit_code) == ("ward-1", {"torch": "2.13"}, {"drafted": 3}, 3)
    urls = ("postgresql://me:***@host/db", "--db=postgresql://me:***@host/db", "postgresql://host/?sslpassword=***")
    assert told.argv == ["generate", "--db", *urls, "--patient", "***", "--patient=***", "/export"]
    assert told.ended_at and told.started_at <= told.ended_at
    assert abs(datetime.now(UTC) - told.started_at) < timedelta(minutes=5)


def test_a_run_that_died_is_closed_by_the_next_one(engine: Engine) -> None:
    dead = begin_run(engine)
    alive = begin_run(engine)
    with session(engine, read_only=True) as current:
        latest, closed = runs.list_runs(current)
        told = current.scalars(select(AuditRow.subject).where(AuditRow.action == "run.end")).all()
    assert (latest.id, latest.ended_at) == (alive, None)
    assert closed.id == dead and closed.ended_at and closed.exit_code is None
    assert told == [f"run {dead}"]


def test_a_file_that_fails_again_is_one_row_and_one_that_mends_is_none(engine: Engine) -> None:
    cut = Failure("pixels.truncated", "The image is cut short.", path="/a")
    with session(engine) as current:
        run_id = runs.begin_run(current, [], "host", {})
        runs.add_failures(current, run_id, [cut, Failure("x", "X.", path="/" + "b" * 4000)])
        runs.add_failures(current, run_id, [cut, cut])
        rows = {row.path: row for row in current.scalars(select(FailureRow))}
        assert len(rows) == 2
        assert (rows["/a"].attempts, rows["/a"].code) == (3, "pixels.truncated")
        runs.clear_file_failures(current, ["/a", "/none"])
        assert len(current.scalars(select(FailureRow.id)).all()) == 1


def test_a_file_that_is_no_image_may_still_be_a_broken_report(engine: Engine) -> None:
    with session(engine) as current:
        run_id = runs.begin_run(current, [], "host", {})
        runs.add_failures(current, run_id, [Failure("report.malformed", "It is broken.", path="/r.hl7")])
        runs.clear_file_failures(current, ["/r.hl7"])
        assert current.scalars(select(FailureRow.code)).all() == ["report.malformed"]


def test_a_failure_of_a_file_names_the_path_alone(engine: Engine) -> None:
    with session(engine) as current:
        run_id = runs.begin_run(current, [], "host", {})
        for failure in (Failure("x", "X."), Failure("x", "X.", path="/a", study_id=1)):
            with pytest.raises(ValueError):
                runs.add_failures(current, run_id, [failure])


def test_the_audit_keeps_entries(engine: Engine) -> None:
    with session(engine) as current:
        runs.append_audit(current, "dr", "review", "draft 1", {"from": "preliminary"})
    with session(engine, read_only=True) as current:
        entry = current.scalars(select(AuditRow)).one()
    assert (entry.actor, entry.action, entry.subject) == ("dr", "review", "draft 1")
    assert entry.detail == {"from": "preliminary"} and entry.at.tzinfo is UTC


def test_an_empty_archive_has_a_status(engine: Engine) -> None:
    with session(engine, read_only=True) as current:
        found = runs.archive_status(current)
    assert (found["patients"], found["images"], found["failures"], found["last_run"]) == (0, {}, {}, None)
    assert found["drafts"] == {"preliminary": 0, "superseded": 0, "reviewed": 0, "rejected": 0}


def test_the_status_counts_everything(engine: Engine) -> None:
    run_id = begin_run(engine)
    for number, view in enumerate([View.PA, View.PA, View.LATERAL, None]):
        scan(engine, f"{number}", f"P{number // 2}", view, "pixels.colour" if number == 1 else None)
    save_draft(engine, run_id, 1)
    with session(engine) as current:
        reports.add_reports(current, [(Report("r", "1", accession="A0"), {}), (Report("r", "2"), {})])
        attempts.claim(current, run_id, [3])
        runs.add_failures(current, run_id, [Failure("header.incomplete", "No patient.", path="/x")])
        current.add(FailureRow(run_id=run_id, study_id=4, code="x", message="X.", attempts=3, quarantined=True))
        current.flush()
        found = runs.archive_status(current)
    json.dumps(found)
    assert (found["patients"], found["studies"], found["undrafted"], found["imageless"]) == (2, 4, 2, 1)
    assert found["images"] == {
        "lateral": {"usable": 1, "unusable": 0},
        "pa": {"usable": 1, "unusable": 1},
        "unknown": {"usable": 1, "unusable": 0},
    }
    assert (found["reports"], found["linked_reports"]) == (2, 1)
    assert found["drafts"]["preliminary"] == 1
    assert found["failures"] == {"header.incomplete": 1}
    assert found["quarantined"] == 1
    assert found["last_run"]["id"] == run_id
