"""What a night takes: foretold from a measured one, and measured on a tiny one."""

import json
from dataclasses import replace

import pytest

from benchmarks import capacity, nights
from benchmarks.nights import Night

STAGES = {"scan": 10.0, "due": 2.0, "claim": 1.0, "store": 3.0, "read": 60.0, "draft": 120.0}
NIGHT = Night(1000, 200, 1000, STAGES, 5.0, 8_000_000, 10_000_000)


def test_a_night_grows_with_its_studies_and_not_with_its_start():
    rates = capacity.Rates.of(NIGHT)
    assert rates.seconds(1000) == pytest.approx(NIGHT.seconds)
    assert rates.seconds(2000) == pytest.approx(2 * NIGHT.seconds - 5)


@pytest.mark.parametrize(
    ("drafters", "seconds", "held_up"),
    [
        (1, 5 + 12 + 180, "drafters"),
        (10, 5 + 12 + 18, "drafters"),
        (20, 5 + 12 + 9, "scan"),
        (1000, 5 + 12 + 4, "scan"),
    ],
)
def test_drafters_share_their_stages_alone(drafters, seconds, held_up):
    hours, why = capacity.Rates.of(NIGHT).night(1000, drafters)
    assert (hours * 3600, why) == (pytest.approx(seconds), held_up)


def test_a_run_of_the_tool_gives_the_table(tmp_path, capsys):
    counts = {"drafted": 1000, "files": 1000, "stages": {name: {"wall_s": 0, "cpu_s": s} for name, s in STAGES.items()}}
    (tmp_path / "runs.json").write_text(json.dumps([{"counts": counts}]))
    capacity.main(["--run", str(tmp_path / "runs.json")])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert {row[0] for row in rows} >= {"| 1,000", "| 100,000,000"}
    assert next(row[2:4] for row in rows if row[:2] == ["| 1,000,000", "2"]) == ["28", "drafters"]


def test_the_larger_night_is_foretold_from_the_smaller_one(capsys, monkeypatch):
    larger = replace(NIGHT, studies=2000, stages={name: 2.2 * s for name, s in STAGES.items()})
    nights = iter([NIGHT, larger])
    monkeypatch.setattr(capacity, "run_night", lambda *_: next(nights))
    monkeypatch.setattr(capacity, "write_export", lambda folder, studies, paired: folder)
    monkeypatch.setattr(capacity, "write_weights", lambda folder: folder)
    capacity.main(["--sizes", "1000", "2000"])
    out = capsys.readouterr().out
    assert f"foretold {2 * 196 + 5:10.1f}  taken {2.2 * 196 + 5:10.1f}  error -9.0%" in out
    assert f"foretold {20:10.1f}  taken {10:10.1f}  error +100.0%" in out


def test_a_made_up_night_is_drafted_and_weighed(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    weights, export = nights.write_weights(tmp_path / "weights"), nights.write_export(tmp_path / "export", 10, 0.2)
    night = nights.run_night(home, export, weights, None, "--drafters", "1", "--workers", "0")
    assert (night.studies, night.paired, night.files) == (10, 2, 10)
    assert {"scan", "claim", "store", "read", "register", "draft"} <= set(night.stages) and night.rest > 0
    assert night.export_bytes > 10 * 2 * 128 * 128 and night.database_bytes > 0
