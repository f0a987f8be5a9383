"""The log: one line an event on stderr, free of patient data by construction, and the manifest of each run.

Our own events are constant words with counts and codes; any other value is withheld. What libraries log may hold
anything (pydicom's warnings print names), so of their messages only logger, level and place are kept.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from cxrreport.files import atomic

Event = MutableMapping[str, Any]
_KNOWN_KEYS = {
    "event", "level", "timestamp", "logger", "where", "code", "run", "seconds", "count", "done", "total", "left_s", "stage",
    "files", "images", "studies", "drafted", "failed", "skipped", "attempts", "version", "device", "exit_code",
    "kind", "pid", "error", "stack", "batch",
}  # fmt: skip
_TEXT = structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Progress(Protocol):
    """Is told of a stage how many more are done and, where it is known, how many there are in all."""

    def __call__(self, stage: str, n: int, total: int | None = None) -> None:
        """Take it in."""


def unwatched(stage: str, n: int, total: int | None = None) -> None:
    """Progress that nobody watches."""


def _withhold(_: Any, __: str, event: Event) -> Event:
    """Keep known keys only."""
    hidden = [key for key in event if key not in _KNOWN_KEYS and not key.startswith("_")]
    for key in hidden:
        del event[key]
    return event


def _replace_foreign(_: Any, __: str, event: Event) -> Event:
    """Replace a library's message by the place it comes from."""
    record: logging.LogRecord | None = event.get("_record")
    if record is not None:
        event["event"] = "library.message"
        event["logger"], event["where"] = record.name, f"{record.module}:{record.lineno}"
        event.pop("exc_info", None)
    return event


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what stderr is now: a live progress line takes its place for a while, and the log must not break it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


def configure(level: str = "info", form: str = "text") -> None:
    """Send all logs of this process, ours and the libraries', through one chain to stderr.

    form : "text", key=value, or "json", one object a line.
    """
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _replace_foreign],
        use_get_message=False,  # a message whose arguments do not fit would be printed with them
        processors=[
            _withhold,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer() if form == "json" else _TEXT,
        ],
    )
    handler = _Stderr()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(_LEVELS[level], logging.WARNING))  # of libraries, only what may matter
    logging.getLogger("cxrreport").setLevel(_LEVELS[level])
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_log() -> Any:
    """The logger of cxrreport; events are constant words: `get_log().info("scan.done", files=12)`."""
    return structlog.get_logger("cxrreport")


def stack_of(error: BaseException) -> str:
    """Type and places of an unexpected error, without its message, which may hold patient data."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames[-12:]]
    return f"{type(error).__name__} at {' > '.join(places)}"


def manifest_path(home: Path, run_id: int) -> Path:
    """Where the manifest of a run lies."""
    return home / "runs" / f"run-{run_id:06d}.json"


def write_manifest(home: Path, run_id: int, facts: dict[str, Any]) -> Path:
    """Write `runs/run-<id>.json` below the home: versions, settings, counts, exit code. Atomic, mode 0600."""
    path = manifest_path(home, run_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with atomic(path) as file:
        file.write_text(json.dumps(facts, indent=1, default=str), encoding="utf-8")
    return path
