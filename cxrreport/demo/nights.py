"""Nights of a hospital whose films and reports come when they are told to: what a home learns of its own drafts.

The clock is simulated, all else is what a hospital runs: `generate` on new films, `index` on what was signed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cxrreport.log import Progress, unwatched
from cxrreport.pipeline.generate import generate
from cxrreport.pipeline.index import index
from cxrreport.pipeline.selection import Selection
from cxrreport.settings import Settings

Write = Callable[[Path], None]  # one file into a folder
# Few studies at a time, each written a moment ago: no process is worth its start, and no file its wait.
WITHHOLD = "unproved"
_OWN = {"workers": 0, "drafters": 1, "settle_s": 0.0, "withhold": WITHHOLD, "engine": "local"}


@dataclass(frozen=True, slots=True)
class Night:
    """What is there at `now`, by the hospital's clock, that was not there the night before."""

    now: datetime
    films: Sequence[Write]
    reports: Sequence[Write]


def run_nights(
    settings: Settings, directory: Path, nights: Sequence[Night], progress: Progress = unwatched
) -> dict[str, Any]:
    """Write films and reports into `directory`, night after night, and run the tool on the home of the settings.

    Returns
    -------
    `nights`: how many films, drafts, reports and judged drafts each had. `events`: what followed, by the date of the night.

    Raises
    ------
    KeyboardInterrupt : a signal has ended one of the runs.
    """
    own, rows, events = settings.model_copy(update=_OWN), [], list[dict[str, Any]]()
    ringing: dict[int, dict[str, Any]] = {}  # alarms of the night before, by id
    for night in nights:
        row, found = _run(own, directory, night)
        rows.append(row)
        events += _turned(found, row["date"])
        if found:
            now = {one["id"]: one for one in found.get("alarms") or ()}
            events += _rung([one for key, one in now.items() if key not in ringing], row["date"])
            ringing = now
        progress("nights", 1)
    return {"nights": rows, "events": events}


def _run(settings: Settings, directory: Path, night: Night) -> tuple[dict[str, Any], dict[str, Any]]:
    """One night: its row, and what `index` told; {} where there was nothing to index."""
    day = f"{night.now:%Y-%m-%d}"
    drafted, found = 0, dict[str, Any]()
    if night.films:
        films = _written(directory / "pacs" / day, night.films)
        none_yet = not settings.index_directory.exists()  # no report has come so far: nothing to retrieve
        drafted = _finished(generate(settings, [films], Selection(), none_yet, unwatched))["drafted"]
    if night.reports:
        reports = _written(directory / "reports" / day, night.reports)
        found = _finished(index(settings, [reports], "auto", unwatched, now=night.now))
    row = {"date": day, "films": len(night.films), "drafted": drafted, "reports": len(night.reports)}
    return {**row, "judged": found.get("judged", 0)}, found


def _finished(run: tuple[dict[str, Any], int]) -> dict[str, Any]:
    counts, exit_code = run
    if exit_code > 128:
        raise KeyboardInterrupt
    return counts


def _written(folder: Path, writes: Sequence[Write]) -> Path:
    folder.mkdir(parents=True)
    for write in writes:
        write(folder)
    return folder


def _turned(found: dict[str, Any], day: str) -> Iterator[dict[str, Any]]:
    """The gates that were turned. One that has failed may never have been open."""
    gates = found.get("gates") or {}
    for one in (*gates.get("opened", ()), *gates.get("closed", ())):
        what = "opened" if one["open"] else "failed" if one["failed"] else "closed"
        told = {"finding": one["finding"], "subject": one["subject"], "why": one["reason"]}
        yield {"date": day, "what": f"gate {what}", **told}


def _rung(alarms: Sequence[dict[str, Any]], day: str) -> Iterator[dict[str, Any]]:
    """The alarms of drift that ring and did not the night before, as one; `findings` : of all of them."""
    if alarms:
        farthest = max(alarms, key=lambda one: abs(one["score"]))
        why = f"{farthest['sentence']} Charts that ring now and did not before: {len(alarms)}."
        yield {
            "date": day,
            "what": "drift alarm",
            "finding": farthest["finding"],
            "findings": sorted({one["finding"] for one in alarms}),
            "subject": farthest["statistic"],
            "why": why,
        }
