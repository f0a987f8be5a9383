"""What a run counts: the names are those of `--json`, stable and complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Count(StrEnum):
    """One number of a run."""

    DRY_RUN = "dry_run"  # 1 where nothing was to be drafted
    FILES = "files"
    FILES_UNCHANGED = "files_unchanged"
    IMAGES = "images"
    SCAN_CUT = "scan_cut"  # 1 where the time was over before all files were read and all views told
    UNKNOWN_VIEW = "unknown_view"
    STUDIES = "studies"
    UNCHANGED = "unchanged"  # studies of `generate`, reports of `index`
    DUE = "due"  # `drafted`, what failed of these, and `left`
    LEFT = "left"  # due, and neither drafted nor failed, whatever ended the run: time, limit, a signal, a page of text
    PAIRED = "paired"
    DRAFTED = "drafted"
    REPORTS = "reports"
    ADDED = "added"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"  # drafts of `generate`, reports of `index`
    LINKED = "linked"
    AMBIGUOUS = "ambiguous"
    RELABELLED = "relabelled"
    OTHER_LANGUAGE = "other_language"
    INDEXED = "indexed"
    EMBEDDED = "embedded"
    FILMS_EMBEDDED = "films_embedded"
    ALARMS = "alarms"  # of drift, that ring while a run drafts; told where there is one
    JUDGED = "judged"  # drafts beside what was signed


_STUDIES = (Count.FILES, Count.IMAGES, Count.STUDIES, Count.PAIRED, Count.DRAFTED, Count.UNCHANGED, Count.WITHDRAWN)
GENERATE = (*_STUDIES, Count.DUE, Count.LEFT, Count.SCAN_CUT)
PREVIEW = (Count.DRY_RUN, *_STUDIES, Count.DUE, Count.LEFT, Count.UNKNOWN_VIEW)
IMPORT = (Count.ADDED, Count.REPLACED, Count.UNCHANGED, Count.WITHDRAWN, Count.LINKED, Count.AMBIGUOUS)
INDEX = (
    Count.REPORTS,
    *IMPORT,
    Count.RELABELLED,
    Count.OTHER_LANGUAGE,
    Count.INDEXED,
    Count.EMBEDDED,
    Count.FILMS_EMBEDDED,
    Count.JUDGED,
)


@dataclass(slots=True)
class Counts:
    """What a run has done so far; `skipped` and `failed` by code."""

    numbers: Counter[Count] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def as_dict(self, always: Sequence[Count] = ()) -> dict[str, Any]:
        """The stable JSON of `--json`; numbers named in `always` stand first and are told even where they are 0."""
        names = dict.fromkeys([*always, *self.numbers])
        numbers = {name.value: self.numbers[name] for name in names}
        return {**numbers, "seconds": self.seconds, "skipped": _by_code(self.skipped), "failed": _by_code(self.failed)}


def _by_code(codes: Counter[str]) -> dict[str, int]:
    return {code: n for code, n in sorted(codes.items()) if n}
