"""`demo`: from nothing to a draft, in a home and a database of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cxrreport.cli.main import call

from cxrreport import DISCLAIMER
from cxrreport.demo.plan import Plan
from cxrreport.settings import load_settings

Demo = Callable[..., int]


@pytest.fixture
def demo(environment: None) -> Demo:
    return lambda *arguments: call([*map(str, arguments)])


def test_it_ends_with_a_draft_and_leaves_the_database_of_the_hospital_alone(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXRREPORT_DB", f"sqlite:///{tmp_path / 'hospital.db'}")
    monkeypatch.setenv("CXRREPORT_HOME", str(tmp_path / "hospital"))
    assert demo("demo", tmp_path / "demo", "--patients", "1") == 0
    out = capsys.readouterr().out
    assert DISCLAIMER in out and "COMPARISON" in out and "Similar reports of the archive" in out
    assert "drafted          0" in out  # the second run
    own = tmp_path / "demo" / "home"
    assert f"cxrreport --home {own} --db sqlite:///{own}/cxrreport.db --log-level warning generate" in out
    assert [path.name for path in tmp_path.iterdir()] == ["demo"] and (own / "cxrreport.db").exists()
    assert demo("demo", tmp_path / "demo") == 2


@pytest.mark.parametrize("option", ["--home", "--db", "--config"])
def test_what_it_would_not_heed_is_refused(
    demo: Demo, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.toml").write_text("beams = 1\n")
    value = {"--home": tmp_path / "home", "--db": f"sqlite:///{tmp_path}/x.db", "--config": tmp_path / "settings.toml"}
    assert demo(option, value[option], "demo", tmp_path / "demo") == 2
    assert "it takes no --home, --db or --config" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(("place", "code"), [("file", 2), ("file/below", 74)])
def test_a_place_that_is_no_directory(
    demo: Demo, tmp_path: Path, place: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert demo("demo", tmp_path / place) == code
    told = capsys.readouterr().err
    assert str(tmp_path) not in told and ("this is a file" in told or "Reading or writing failed: Not a dir" in told)


def test_months_are_simulated_in_a_home_that_other_commands_then_read(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cxrreport.demo.plan.Plan", partial(Plan, older=0))
    monkeypatch.setenv("CXRREPORT_DB", f"sqlite:///{tmp_path / 'hospital.db'}")
    home = tmp_path / "home"
    assert demo("--home", home, "demo", "--months", "2", "--weekly", "1") == 0
    out = capsys.readouterr().out
    assert "another machine: phantom 2" in out and "films do not show it: fracture" in out
    assert [path.name for path in tmp_path.iterdir()] == ["home"] and (home / "hospital" / "pacs").is_dir()
    monkeypatch.delenv("CXRREPORT_DB")
    assert demo("--config", home / "settings.toml", "status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["studies"] == 9
    assert load_settings(home / "settings.toml").withhold == "unproved"  # as its nights were run
    assert demo("--home", home, "demo", "--months", "2") == 2


def test_what_goes_with_months_alone(demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo("demo", tmp_path / "demo", "--json") == 2
    assert "--json goes with --months" in capsys.readouterr().err
    assert demo("--db", f"sqlite:///{tmp_path}/x.db", "demo", "--months", "2") == 2
    assert "it takes no --db or --config" in capsys.readouterr().err
