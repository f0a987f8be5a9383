"""What is pruned, and what stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from builders.store import begin_run, save_draft, scan
from sqlalchemy import Engine, select, update

from cxrreport.records import Failure
from cxrreport.store import runs
from cxrreport.store.engine import session
from cxrreport.store.pruning import outdated
from cxrreport.store.schema import DraftRow

SOON = datetime.now(UTC) + timedelta(days=1)


def test_superseded_drafts_and_their_runs_go_and_what_stands_stays(engine: Engine) -> None:
    scan(engine, "1")
    made = [begin_run(engine) for _ in range(5)]
    for run_id, findings in zip(made, ("old", "judged", "stands")):
        save_draft(engine, run_id, 1, findings)
    with session(engine) as s:
        for run_id in made:
            runs.end_run(s, run_id, {}, 0)
        s.execute(update(DraftRow).where(DraftRow.findings == "judged").values(status="reviewed"))
        runs.add_failures(s, made[3], [Failure("pixels.truncated", "x", path="/export/x")])
    idle = begin_run(engine), begin_run(engine)
    with session(engine) as s:
        runs.end_run(s, idle[0], {}, 0)
    with session(engine, read_only=True) as s:
        old = s.scalars(select(DraftRow.id).where(DraftRow.findings == "old")).all()
        found = outdated(s, SOON)
        assert found == {"draft": set(old), "run": {made[0], made[4], idle[0]}}
        assert outdated(s, datetime.now(UTC) - timedelta(days=1)) == {}
