"""Transactions of a run: what they count, and that nobody who stops the run waits for the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from cxrreport.pipeline.counts import Count
from cxrreport.pipeline.run import Run, open_run
from cxrreport.settings import Settings
from cxrreport.store.runs import archive_status


def lost(times: int) -> Callable[..., Any]:
    """`transact` of a database that is lost so many times before the end of the work."""

    def transact(engine: object, work: Callable[[Any], object], pause: Callable[[float], object]) -> object:
        for _ in range(times):
            work(None)
            pause(0)
        return work(None)

    return transact


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: bytes) -> Settings:
    (tmp_path / "cxrreport.db").write_bytes(sqlite_template)
    return Settings(home=tmp_path)


def count(session: Session, run: Run) -> str:
    run.count(Count.DRAFTED, 2)
    run.fail("pixels.blank")
    return "done"


def test_what_is_done_again_is_counted_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_run(settings) as run:
        run.count(Count.DRAFTED)
        monkeypatch.setattr("cxrreport.pipeline.run.check_run", lambda *_: None)
        monkeypatch.setattr("cxrreport.pipeline.run.transact", lost(2))
        assert run.transact(count, run) == "done"
        monkeypatch.undo()
    assert run.summary(())["drafted"] == 3 and run.counts.failed == {"pixels.blank": 1}
    assert run.exit_code == 3


def test_a_run_that_is_stopped_waits_for_no_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_run(settings) as run:
        run.cancelled._receive(15, None)
        monkeypatch.setattr("cxrreport.pipeline.run.check_run", lambda *_: None)
        with monkeypatch.context() as patch:
            patch.setattr("cxrreport.pipeline.run.transact", lost(1))
            run.transact(count, run)
    assert run.exit_code == 143


def test_the_end_of_a_run_is_in_the_database(settings: Settings) -> None:
    with open_run(settings) as run:
        pass
    with open_run(settings) as after:
        last = after.transact(lambda s: archive_status(s)["last_run"])
    assert (last["id"], last["exit_code"]) == (after.id, None) and after.id == run.id + 1
