"""Which studies a run drafts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cxrreport.errors import UsageError

REDO = ("weights", "index", "all")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which studies to draft.

    redo : one of `REDO`: also those that were drafted with other weights, another index, or all.
    allow_out_of_scope : also those of patients under 18, flagged.

    Raises
    ------
    UsageError : `redo` is none of these.
    """

    since: date | None = None
    until: date | None = None
    patient: str | None = None
    limit: int | None = None
    redo: str | None = None
    allow_out_of_scope: bool = False

    def __post_init__(self) -> None:
        """Refuse what would silently redo nothing."""
        if self.redo not in (None, *REDO):
            raise UsageError(f"What can be drafted again is one of {', '.join(REDO)}.")
