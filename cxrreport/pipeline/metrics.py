"""The outcome of a run as a textfile of Prometheus. docs/operations.md, Prometheus, names the metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cxrreport.files import atomic
from cxrreport.log import get_log

_SUCCESS = "cxrreport_last_success_timestamp_seconds"
_HELP = {
    "cxrreport_run_exit_code": "Exit code of the last run.",
    "cxrreport_run_duration_seconds": "How long the last run took.",
    "cxrreport_run_end_timestamp_seconds": "When the last run ended.",
    _SUCCESS: "When the last run ended that ended with 0 or 3.",
    "cxrreport_run_count": "Numbers of the last run, by the names of --json.",
    "cxrreport_run_skipped": "What the last run left out, by code.",
    "cxrreport_run_failed": "What failed in the last run, by code.",
    "cxrreport_gates": "Gates as they stood in the last run (docs/trust.md).",
}


def write_metrics(path: Path, counts: Mapping[str, Any], exit_code: int, gates: Mapping[str, int]) -> None:
    """Write the file whole or not at all, readable for all. One that cannot be written is told in the log alone."""
    now = time.time()
    success = now if exit_code in (0, 3) else _last_success(path)
    try:
        with atomic(path) as file:
            file.write_text("".join(_lines(counts, exit_code, gates, now, success)), encoding="utf-8")
            file.chmod(0o644)  # whatever the umask: the exporter is another user
    except OSError:
        get_log().error("metrics.not_written")


def _last_success(path: Path) -> float | None:
    """What the file said before."""
    with suppress(OSError, ValueError):
        if found := re.search(rf"^{_SUCCESS} (\S+)$", path.read_text("utf-8"), re.MULTILINE):
            return float(found[1])
    return None


def _lines(
    counts: Mapping[str, Any], exit_code: int, gates: Mapping[str, int], now: float, success: float | None
) -> Iterator[str]:
    numbers = {name: value for name, value in counts.items() if isinstance(value, int) and name != "run"}
    values = (exit_code, counts["seconds"], now, success, numbers, counts["skipped"], counts["failed"], gates)
    labels = {"cxrreport_run_count": "what", "cxrreport_gates": "stands"}
    for (name, text), value in zip(_HELP.items(), values):
        yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
        if isinstance(value, Mapping):
            yield from (f'{name}{{{labels.get(name, "code")}="{key}"}} {n}\n' for key, n in value.items())
        elif value is not None:
            yield f"{name} {value}\n"
