"""One run of the tool on one archive: lock, database, child processes, cancellation, counts, run record and manifest."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from cxrreport import __version__
from cxrreport.clock import Clock
from cxrreport.codes import CODES
from cxrreport.engine.local import LocalEngine
from cxrreport.engine.signals import signals_kept
from cxrreport.errors import CxrReportError, UnavailableError
from cxrreport.files import lock
from cxrreport.log import Progress, get_log, unwatched, write_manifest
from cxrreport.pipeline.counts import Count, Counts
from cxrreport.pipeline.metrics import write_metrics
from cxrreport.settings import Settings
from cxrreport.store import runs
from cxrreport.store.engine import hold_archive, open_archive, session
from cxrreport.store.hold import Check, check_run
from cxrreport.store.retry import transact

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_LIBRARIES = ("torch", "transformers", "pydicom", "imagecodecs", "faiss-cpu", "SQLAlchemy", "numpy")


class Interrupted(Exception):
    """Ends a stage that must not be left half done; the run closes with the signal's exit code."""


class Cancellation:
    """SIGINT and SIGTERM ask the run to stop after the batch in hand; a second signal ends it at once."""

    def __init__(self) -> None:
        self._event = Event()
        self.exit_code = 0

    def __bool__(self) -> bool:
        return self._event.is_set()

    def pause(self, seconds: float) -> None:
        """Wait; a signal ends it."""
        self._event.wait(seconds)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._event.is_set():
            os._exit(128 + number)
        self.exit_code = 128 + number
        self._event.set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take over both signals for a while. Only the main thread can; elsewhere nobody listens."""
        with signals_kept(self._receive):
            yield


@dataclass(slots=True)
class Run:
    """What the stages of a run share. `workers` are its child processes, `progress` is told what each stage has done."""

    id: int
    settings: Settings
    engine: Engine
    check_lock: Check
    cancelled: Cancellation
    workers: LocalEngine
    progress: Progress
    counts: Counts = field(default_factory=Counts)
    details: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    drafting: dict[str, float] = field(default_factory=dict)  # how many processes drafted, and how busy they were
    exit_code: int = 0
    ends: float = math.inf  # of the monotonic clock
    metrics: Path | None = None  # of the run, to be written at its end
    name_key: bytes = b""  # of the digests of names; read with the first header

    @property
    def late(self) -> bool:
        """Whether its time is over: nothing more is begun, and what is in hand is finished."""
        return time.monotonic() > self.ends

    @property
    def dry(self) -> bool:
        """Whether it drafts nothing: then it changes nothing either of what the next run tells."""
        return bool(self.counts.numbers[Count.DRY_RUN])

    @property
    def stops(self) -> bool:
        """Whether it was asked to stop or is late."""
        return bool(self.cancelled) or self.late

    def transact(
        self,
        work: Callable[Concatenate[Session, Arguments], Result],
        *arguments: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        """Do `work` in one transaction of this run, all of it again where the database was lost; it may count.

        Raises
        ------
        LockedError : another run has the archive now. StorageError, UnavailableError : as `retry.transact`.
        """
        before = deepcopy(self.counts)

        def attempt(session: Session) -> Result:
            self.counts = deepcopy(before)
            self.check_lock()
            check_run(session, self.id)
            return work(session, *arguments, **options)

        return transact(self.engine, attempt, pause=self._pause)

    def _pause(self, seconds: float) -> None:
        """Wait for the database; whoever stops the run does not wait for it."""
        time.sleep(seconds)
        if self.cancelled:
            raise Interrupted

    def count(self, what: Count, n: int = 1) -> None:
        """Add to one number."""
        self.counts.numbers[what] += n

    def skip(self, code: str, n: int = 1) -> None:
        """Count what is left out."""
        self.counts.skipped[code] += n

    def fail(self, code: str, n: int = 1) -> None:
        """Count what has failed; a run with failures ends with 3."""
        self.counts.failed[code] += n

    def summary(self, always: Sequence[Count]) -> dict[str, Any]:
        """The JSON document of the run."""
        return {"run": self.id, **self.counts.as_dict(always)}


def library_versions() -> dict[str, str]:
    """Versions that a draft may depend on."""
    return {"cxrreport": __version__, "python": platform.python_version(), **{n: _version(n) for n in _LIBRARIES}}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # FAISS for the GPU has another name
        return "unknown"


@contextmanager
def open_run(settings: Settings, progress: Progress = unwatched) -> Iterator[Run]:
    """Hold the archive and record the run, however it ends. Stages raise; the run is closed with their exit code."""
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(lock(settings.home / "lock", "home"))
        engine = stack.enter_context(open_archive(settings))
        check_lock = stack.enter_context(hold_archive(engine))
        cancelled = Cancellation()
        stack.enter_context(cancelled.listening())
        with session(engine) as s:
            run_id = runs.begin_run(s, sys.argv, platform.node(), library_versions())
            runs.append_audit(s, runs.TOOL, "run.begin", f"run {run_id}", {"version": __version__})
        workers = LocalEngine(settings.workers, settings.decode_timeout_s, settings.decode_memory_mb)
        run = Run(run_id, settings, engine, check_lock, cancelled, workers, progress)
        get_log().info("run.begin", run=run_id, version=__version__)
        try:
            with suppress(Interrupted), workers:
                yield run
            run.exit_code = cancelled.exit_code or (3 if run.counts.failed.total() else 0)
        except BaseException as error:
            run.exit_code = error.exit_code if isinstance(error, CxrReportError) else 70
            raise
        finally:
            run.counts.seconds = round(time.monotonic() - started, 3)
            _close(run)


def _close(run: Run) -> None:
    """Record the end; a database that is gone must not hide the error that ended the run."""
    counts = {**run.summary(()), "stages": run.clock.as_dict(), **({"drafting": run.drafting} if run.drafting else {})}
    facts = {**counts, "exit_code": run.exit_code, "versions": library_versions(), "settings": run.settings.describe()}
    try:
        gone = run.exit_code == CODES[UnavailableError.code].exit_code  # it has been waited for already
        transact(run.engine, partial(_record_end, run=run, counts=counts), patience_s=0 if gone else None)
    except CxrReportError as error:
        get_log().error("run.not_recorded", run=run.id, code=error.code)
    try:
        write_manifest(run.settings.home, run.id, {**facts, **run.details})
    except OSError:
        get_log().error("manifest.not_written", run=run.id)
    if run.metrics:
        write_metrics(run.metrics, counts, run.exit_code, run.details.get("gates", {}))
    get_log().info("run.end", run=run.id, exit_code=run.exit_code)


def _record_end(s: Session, run: Run, counts: dict[str, Any]) -> None:
    runs.end_run(s, run.id, counts, run.exit_code)
    runs.append_audit(s, runs.TOOL, "run.end", f"run {run.id}", {"exit_code": run.exit_code})
