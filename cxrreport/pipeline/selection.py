"""Which studies a run drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.store.listing import check_days

REDO = ("weights", "index", "all")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which studies to draft.

    patient : the hospital's number. study : a StudyInstanceUID, an accession number or a database id.
    redo : one of `REDO`: also those that were drafted with other weights, another index, or all.
    allow_out_of_scope : also those of patients under 18, flagged.

    Raises
    ------
    UsageError : `redo` is none of these, or `since` comes after `until`.
    """

    since: date | None = None
    until: date | None = None
    patient: str | None = None
    study: str | None = None
    limit: int | None = None
    redo: str | None = None
    allow_out_of_scope: bool = False

    def __post_init__(self) -> None:
        """Refuse what would silently redo nothing."""
        if self.redo not in (None, *REDO):
            raise UsageError(f"What can be drafted again is one of {', '.join(REDO)}.")
        check_days(self.since, self.until)

    def check(self, paths: Sequence[Path]) -> None:
        """Refuse a run that names neither an export nor a study of the archive."""
        if not paths and self.study is None:
            raise UsageError("Name the folder of the export, or a study of the archive with --study.")
