"""The Python API: one hospital's archive as an object. docs/api.md shows its use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxrreport.errors import UsageError
from cxrreport.log import Progress, configure, unwatched
from cxrreport.records import Study
from cxrreport.settings import Settings, load_settings
from cxrreport.store import catalogue, engine, views

if TYPE_CHECKING:
    from sqlalchemy import Engine

_PAGE = 200  # studies read in one query
_Path = str | PathLike[str]


def open_archive(home: _Path, **settings: Any) -> Archive:
    """Open the archive of a home; what is missing is made. `settings` are those of docs/settings.md, and `config`.

    The log of the process goes to stderr as that of the command line does: what libraries log may name patients, and is
    veiled there.

    Raises
    ------
    ConfigurationError, SchemaError, StorageError, UnavailableError
    """
    found = load_settings(home=Path(home), **settings)
    configure(found.log_level, found.log_format)
    return Archive(found)


class Archive:
    """One home and its database, open until `close` or the end of a `with` block. Not for several threads at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._open = ExitStack()
        self._database: Engine | None = self._open.enter_context(engine.open_archive(settings))

    def _check(self) -> Engine:
        """The database, unless the archive is closed: every job and every look asks first."""
        if self._database is None:
            raise UsageError("The archive is closed.")
        return self._database

    def __enter__(self) -> Archive:
        """Give the archive itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the database; what is asked afterwards is refused."""
        self._database = None
        self._open.close()

    def generate(
        self,
        paths: _Path | Sequence[_Path] = (),
        *,
        since: date | None = None,
        until: date | None = None,
        patient: str | None = None,
        study: str | None = None,
        limit: int | None = None,
        redo: str | None = None,
        allow_out_of_scope: bool = False,
        without_retrieval: bool = False,
        dry_run: bool = False,
        progress: Progress = unwatched,
    ) -> dict[str, Any]:
        """`cxrreport generate`; returns the document of its `--json`, and `exit_code`.

        In the main thread a signal stops it after the batch in hand. What fails of files and studies is counted by code;
        what ends the run is raised as a `CxrReportError`.
        """
        from cxrreport.pipeline.selection import Selection

        self._check()

        if dry_run:
            from cxrreport.pipeline.preview import preview as job
        else:
            from cxrreport.pipeline.generate import generate as job
        selection = Selection(since, until, patient, study, limit, redo, allow_out_of_scope)
        counts, exit_code = job(self.settings, _paths(paths), selection, without_retrieval, progress)
        return {**counts, "exit_code": exit_code}

    def index(
        self,
        paths: _Path | Sequence[_Path] = (),
        *,
        form: str = "auto",
        any_language: bool = False,
        progress: Progress = unwatched,
    ) -> dict[str, Any]:
        """`cxrreport index`; returns the document of its `--json`, and `exit_code`."""
        from cxrreport.pipeline.index import index

        self._check()
        counts, exit_code = index(self.settings, _paths(paths), form, progress, any_language=any_language)
        return {**counts, "exit_code": exit_code}

    def studies(
        self, *, since: date | None = None, until: date | None = None, patient: str | None = None
    ) -> Iterator[Study]:
        """Studies of the catalogue that have a usable image, by id."""
        last = 0
        while True:
            with engine.session(self._check(), read_only=True) as session:
                page = catalogue.candidate_studies(session, since, until, patient, after_id=last, limit=_PAGE)
            if not page:
                return
            yield from (study for study in page if study.images)
            last = page[-1].id

    def draft(self, study: Study | str | int) -> views.DraftView:
        """What there is of a study: its draft, its prior, why one is missing.

        study : one of `studies`, a StudyInstanceUID, an accession number or a database id.

        Raises
        ------
        UsageError : no study is named so, or several are.
        """
        key = study.uid if isinstance(study, Study) else str(study)
        with engine.session(self._check(), read_only=True) as session:
            return views.draft_view(session, key)


def _paths(paths: _Path | Sequence[_Path]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
