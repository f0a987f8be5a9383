"""`db`, `status` and `runs`: what they print, and that nothing in the database can play with the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from cxrreport.cli.db import db
from cxrreport.cli.status import runs, status
from sqlalchemy import text

from cxrreport.errors import SchemaError
from cxrreport.settings import load_settings
from cxrreport.store import engine as store
from cxrreport.store.runs import begin_run, end_run

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CXRREPORT_DB", raising=False)

    def invoke(command: click.Command, *arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments), obj=load_settings(home=tmp_path, db_timeout_s=5))

    return invoke


def fill(home: Path) -> int:
    engine = store.open_database(None, home, 5)
    store.prepare(engine)
    with store.session(engine) as session:
        run_id = begin_run(session, ["generate"], "evil\x1b[2J[red]host\u202e", {})
        end_run(session, run_id, {"drafted": 2}, 0)
    engine.dispose()
    return run_id


def test_upgrade_makes_the_schema_and_current_tells_it(call: Call) -> None:
    assert json.loads(call(db, "current", "--json").stdout) == {"current": None, "head": store.head()}
    made = {"before": None, "current": store.head(), "head": store.head()}
    assert json.loads(call(db, "upgrade", "--json").stdout) == made
    assert call(db, "current").stdout.split() == ["current", store.head(), "head", store.head()]


@pytest.mark.parametrize("line", [(db, "current"), (db, "upgrade"), (status,), (runs,)])
def test_every_command_closes_the_database(call: Call, line: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr("sqlalchemy.Engine.dispose", lambda engine, close=True: closed.append(engine))
    assert call(*line).exit_code == 0
    assert len(closed) == 1


def test_status_of_a_new_home_is_empty_and_one_document(call: Call) -> None:
    result = call(status, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["studies"] == 0
    assert "last run" in call(status).stdout


def test_status_refuses_another_schema(call: Call, tmp_path: Path) -> None:
    fill(tmp_path)
    engine = store.open_database(None, tmp_path, 5)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for command in (status, runs):
        assert isinstance(call(command).exception, SchemaError)


def test_runs_are_listed_without_control_characters(call: Call, tmp_path: Path) -> None:
    run_id = fill(tmp_path)
    (document,) = json.loads(call(runs, "--json", "--limit", "5").stdout)
    assert (document["id"], document["counts"], document["exit_code"]) == (run_id, {"drafted": 2}, 0)
    shown = call(runs).stdout
    assert "evil?[2J[red]host?" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
