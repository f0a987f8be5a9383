"""Which drafts are withdrawn once something is kept from readers."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread

import pytest
from builders.store import add_reports, begin_run, make_report, scan_study
from sqlalchemy import Engine, select

from cxrreport.drafts import Draft, Finding, Provenance, Review, ReviewStatus
from cxrreport.findings import Change, State
from cxrreport.store import drafts
from cxrreport.store.engine import session
from cxrreport.store.retry import transact
from cxrreport.store.reviews import add_review
from cxrreport.store.schema import DraftRow
from cxrreport.store.telling import withdraw_telling

EDEMA = Finding("edema", State.NEGATIVE, 0.1)
WITHHELD = Finding("edema", State.NEGATIVE, 0.1, withheld="state")
CHANGED = Finding("edema", State.POSITIVE, 0.9, State.NEGATIVE, 0.1, Change.NEW, 0.9)


def _draft(engine: Engine, *rows: Finding, study: str = "1", shadow: bool = False) -> tuple[int, int]:
    """A draft of a study of its own; ids of the study and the draft."""
    study_id, run_id = scan_study(engine, study, f"P{study}").id, begin_run(engine)
    made = Draft(study_id, None, "", "F", "", "", rows, (), (), (), Provenance("w", 1, "", "i"), shadow=shadow)
    with session(engine) as s:
        return study_id, drafts.save_drafts(s, run_id, [made])[0]


def _statuses(engine: Engine) -> list[str]:
    with session(engine, read_only=True) as s:
        return [str(status) for status in s.scalars(select(DraftRow.status).order_by(DraftRow.id))]


@pytest.mark.parametrize(
    ("row", "closed", "goes"),
    [
        (EDEMA, {"edema": "state"}, True),  # a denial tells, too
        (EDEMA, {"edema": "change"}, False),
        (EDEMA, {"fracture": "state"}, False),
        (EDEMA, {}, False),
        (WITHHELD, {"edema": "state"}, False),
        (CHANGED, {"edema": "change"}, True),
        (Finding("edema", State.POSITIVE, 0.9, withheld="change"), {"edema": "change"}, False),
        (Finding("edema", State.POSITIVE, 0.9, withheld="change"), {"edema": "state"}, True),
    ],
)
def test_a_draft_that_tells_what_is_closed_is_withdrawn(
    engine: Engine, row: Finding, closed: dict[str, str], goes: bool
) -> None:
    _draft(engine, row)
    with session(engine) as s:
        assert withdraw_telling(s, closed) == goes
    assert _statuses(engine) == ["superseded" if goes else "preliminary"]


def test_what_was_read_or_is_seen_by_nobody_stays(engine: Engine) -> None:
    _draft(engine, EDEMA)
    _, reviewed = _draft(engine, EDEMA, study="2")
    _draft(engine, EDEMA, study="3", shadow=True)
    assert add_reports(engine, make_report("r1", accession="A1"))["linked"] == 1
    with session(engine) as s:
        add_review(s, reviewed, Review(ReviewStatus.ACCEPTED, "reader", datetime(2024, 5, 7, tzinfo=UTC)))
    with session(engine) as s:
        assert withdraw_telling(s, {"edema": "state"}) == 0
    assert _statuses(engine) == ["preliminary", "reviewed", "preliminary"]


def test_a_verdict_that_is_saved_in_the_same_moment_stands(engine: Engine) -> None:
    _, draft = _draft(engine, EDEMA)
    found: list[int] = []
    other = Thread(target=lambda: found.append(transact(engine, lambda s: withdraw_telling(s, {"edema": "state"}))))
    with session(engine) as s:
        add_review(s, draft, Review(ReviewStatus.ACCEPTED, "reader", datetime(2024, 5, 7, tzinfo=UTC)))
        other.start()
        other.join(0.3)  # it waits for this transaction, or looks before it
    other.join(20)
    assert found == [0] and _statuses(engine) == ["reviewed"]
