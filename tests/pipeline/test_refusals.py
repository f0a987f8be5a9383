"""A night that refuses far more than the nights before is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders.store import begin_run
from sqlalchemy import Engine

from cxrreport.pipeline.counts import Count, Counts
from cxrreport.pipeline.refusals import check_refusals
from cxrreport.store import engine as store
from cxrreport.store import runs
from cxrreport.store.failures import list_failures


@pytest.fixture
def engine(tmp_path: Any, sqlite_template: bytes) -> Any:
    (tmp_path / "cxrreport.db").write_bytes(sqlite_template)
    opened = store.open_database(None, tmp_path, 10)
    yield opened
    opened.dispose()


def night(engine: Engine, files: int, images: int, *, dry: bool = False, **skipped: int) -> list[str]:
    """A run with these counts; returns what is told of it. dry : nothing is looked at, as in a dry run."""
    told: list[str] = []
    counts = Counts()
    counts.numbers.update({Count.FILES: files, Count.IMAGES: images})
    counts.skipped.update({name.replace("_", "."): number for name, number in skipped.items()})

    def transact(work: Any, *arguments: Any) -> Any:
        with store.session(engine) as session:
            return work(session, *arguments)

    run_id = begin_run(engine)
    run: Any = SimpleNamespace(id=run_id, counts=counts, transact=transact, fail=told.append)
    if dry:
        counts.numbers[Count.DRY_RUN] = 1
    else:
        check_refusals(run, [Path("/"), Path("/no folder")])
    transact(runs.end_run, run_id, counts.as_dict(), 0)
    return told


def test_a_share_far_above_the_nights_before_is_told(engine: Engine) -> None:
    assert night(engine, 109, 109, view_other=56) == ["export.unusual"]  # the first night has the usual share to go by
    for _ in range(3):
        assert night(engine, 100, 95) == []
    assert night(engine, 109, 109, view_other=56) == ["export.unusual"]
    assert night(engine, 10, 0) == []  # too few to say
    with store.session(engine) as session:  # what ends a run with 3 is listed
        found, total = list_failures(session)
    assert (total, found[0].code, found[0].path, found[0].attempts) == (1, "export.unusual", "/", 2)


def test_a_dry_run_is_no_night_to_go_by(engine: Engine) -> None:
    night(engine, 100, 10, dry=True)
    assert night(engine, 100, 10) == ["export.unusual"]


def test_an_export_of_all_kinds_of_films_is_told_once_and_files_that_are_no_films_count_not(engine: Engine) -> None:
    told = [night(engine, 100, 30, body_part=70) for _ in range(3)]
    assert told == [["export.unusual"], [], []]
    assert night(engine, 1000, 30, body_part=70, document=900) == []
