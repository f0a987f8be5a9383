"""The textfile for Prometheus."""

from __future__ import annotations

import os
import re
from pathlib import Path

from builders.data import ROOT
from builders.tool import Tool

from cxrreport.pipeline.metrics import write_metrics

COUNTS = {"run": 7, "files": 12, "seconds": 1.5, "skipped": {"empty": 2}, "failed": {}}


def read(path: Path) -> dict[str, float]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_a_failure_keeps_the_time_of_the_last_success(tmp_path: Path) -> None:
    path = tmp_path / "cxrreport.prom"
    umask = os.umask(0o077)  # as in the unit of systemd
    write_metrics(path, COUNTS, 69, {"open": 3, "failed": 1})
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o644
    assert "cxrreport_last_success_timestamp_seconds" not in read(path)
    write_metrics(path, COUNTS, 3, {})
    good = read(path)
    write_metrics(path, COUNTS, 74, {})
    bad = read(path)
    last = "cxrreport_last_success_timestamp_seconds"
    assert good[last] == bad[last] == good["cxrreport_run_end_timestamp_seconds"]
    assert (bad["cxrreport_run_exit_code"], bad["cxrreport_run_duration_seconds"]) == (74, 1.5)
    assert bad['cxrreport_run_count{what="files"}'] == 12 and bad['cxrreport_run_skipped{code="empty"}'] == 2
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    write_metrics(tmp_path / "nowhere" / "x.prom", COUNTS, 0, {})  # told in the log alone


def test_a_run_writes_them_however_it_ends(drafted: Tool, tmp_path: Path) -> None:
    path = tmp_path / "cxrreport.prom"
    assert drafted("generate", "--study", "A101", "--metrics", path) == 0
    assert read(path)["cxrreport_run_exit_code"] == 0 and read(path)['cxrreport_run_count{what="unchanged"}'] == 1
    assert drafted("generate", "/nowhere", "--metrics", path) == 2
    assert read(path)["cxrreport_run_exit_code"] == 2


def test_every_metric_is_on_the_page(tmp_path: Path) -> None:
    write_metrics(tmp_path / "x.prom", COUNTS | {"failed": {"a": 1}}, 0, {})
    names = set(re.findall(r"^# TYPE (\w+)", (tmp_path / "x.prom").read_text(), re.MULTILINE))
    assert names == set(re.findall(r"^\| `(cxrreport_\w+)", (ROOT / "docs/operations.md").read_text(), re.MULTILINE))
