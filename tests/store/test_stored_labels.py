"""Whose labels a report has, on both databases, and what becomes of a database without that column."""

from __future__ import annotations

from sqlalchemy import Engine, select

from cxrreport.findings import State
from cxrreport.records import Report, ReportStatus
from cxrreport.store import labels, reports
from cxrreport.store.engine import session
from cxrreport.store.schema import ReportRow

OLD, NEW = {"edema": State.POSITIVE}, {"edema": State.NEGATIVE}


def add(engine: Engine, *made: Report, source: str = "old") -> None:
    with session(engine) as current:
        reports.add_reports(current, [(report, OLD) for report in made], source)


def named(name: str, **changes: ReportStatus) -> Report:
    return Report("r.csv", name, accession=name, findings=f"Text of {name}.", impression="Edema.", **changes)


def stored(engine: Engine) -> dict[str, tuple[dict[str, str], str]]:
    with session(engine, read_only=True) as current:
        rows = current.scalars(select(ReportRow).order_by(ReportRow.id))
        return {row.accession: (row.labels, row.label_source) for row in rows}


def outdated(engine: Engine, source: str, after_id: int = 0, limit: int = 10) -> list[labels.StoredText]:
    with session(engine, read_only=True) as current:
        return labels.outdated_labels(current, source, after_id, limit)


def test_only_what_another_source_labelled_is_outdated(engine: Engine) -> None:
    add(engine, named("A"), named("B"))
    add(engine, named("C"), source="new")
    found = outdated(engine, "new")
    assert [text.findings for text in found] == ["Text of A.", "Text of B."] and found[0].impression == "Edema."
    assert [text.findings for text in outdated(engine, "old")] == ["Text of C."]
    assert outdated(engine, "new", limit=1) == found[:1] and outdated(engine, "new", found[0].report_id) == found[1:]


def test_new_labels_take_the_place_of_the_old_ones(engine: Engine) -> None:
    add(engine, named("A"), named("B"))
    first = outdated(engine, "new", limit=1)[0].report_id
    with session(engine) as current:
        labels.set_labels(current, {first: NEW}, "new")
        labels.set_labels(current, {}, "new")
    assert stored(engine) == {"A": ({"edema": "negative"}, "new"), "B": ({"edema": "positive"}, "old")}


def test_a_withdrawn_report_is_never_outdated(engine: Engine) -> None:
    add(engine, named("A"))
    gone = Report("r.csv", "A", accession="A", status=ReportStatus.WITHDRAWN)
    add(engine, gone)
    assert stored(engine) == {"A": ({}, "")} and outdated(engine, "new") == []


def test_importing_again_labels_with_the_new_source(engine: Engine) -> None:
    add(engine, named("A"))
    add(engine, named("A"), source="new")
    assert outdated(engine, "new") == []
