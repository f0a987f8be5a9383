"""Files of verdicts: what a page of an export has written, and tables of a hospital's own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cxrreport.drafts import Review, ReviewStatus
from cxrreport.errors import InputError, UsageError
from cxrreport.store.views import MAX_ID

_MARK, _VERSION = "cxrreport_verdicts", 1
_AHEAD = timedelta(days=1)  # how far the clock of a reader may be ahead of ours
_MALFORMED = "review.malformed"
_MOST_OF_CELL = 1 << 17  # characters


@dataclass(frozen=True, slots=True)
class Told:
    """One verdict of a file: on a draft of the study with a UID, or on the draft that a reader sees of a study by its key.

    timed : the file tells when it was given; else that is now.
    """

    study: str
    review: Review
    draft_id: int | None = None
    timed: bool = True


Verdicts = Iterator[tuple[int, Told | InputError]]


def read_verdicts(file: Path, reviewer: str) -> Verdicts:
    """Yield number (from 1; of a table the line) and verdict of each entry, or what is wrong with it.

    reviewer : of entries that name none; with "" these are refused.

    Raises
    ------
    UsageError : the file cannot be read, or is neither a table with columns `study` and `status` nor a page's verdicts.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("The file of verdicts cannot be read as a text in UTF-8.", "review.file") from error
    entries = _of_page(text, reviewer) if text.lstrip().startswith("{") else _of_table(text, reviewer)
    return ((number, _told(entry)) for number, entry in entries)


def _of_page(text: str, reviewer: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Entries of JSON that the worklist has written."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("The file of verdicts is no JSON.", "review.file") from error
    verdicts = document.get("verdicts")
    if document.get(_MARK) != _VERSION or not isinstance(verdicts, list):
        raise UsageError("The file holds no verdicts of this version of a worklist.", "review.file")
    entries = (one if isinstance(one, dict) else {} for one in verdicts)
    shared = document.get("reviewer") or reviewer
    return ((number, one | {"reviewer": one.get("reviewer") or shared}) for number, one in enumerate(entries, 1))


def _of_table(text: str, reviewer: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Entries of a table whose columns are parted by comma or semicolon; read whole, for a quote too many hides others."""
    head = text.partition("\n")[0]
    sign = ";" if head.count(";") > head.count(",") else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    csv.field_size_limit(_MOST_OF_CELL)  # is the whole process's, and reports have longer ones
    try:
        found = [(rows.line_num, row | {"reviewer": row.get("by") or reviewer}) for row in rows]
    except csv.Error as error:
        place = f"The table of verdicts has quotes that do not match, or too long a cell, in line {rows.line_num} or before."
        raise UsageError(place, "review.file") from error
    if not {"study", "status"} <= {*(rows.fieldnames or ())}:
        raise UsageError("The table of verdicts has no columns `study` and `status`.", "review.file")
    return iter(found)


def _told(entry: Mapping[str, Any]) -> Told | InputError:
    try:
        review = Review(
            ReviewStatus(_text(entry, "status")),
            _text(entry, "reviewer"),
            _moment(_text(entry, "at")),
            _text(entry, "text") or None,
            _text(entry, "comment") or None,
        )
        check(review)
        study = _text(entry, "study_uid") or _text(entry, "study")
        return Told(study, review, _draft(entry), bool(_text(entry, "at")))
    except InputError as error:
        return error
    except (ValueError, TypeError, OverflowError):
        return InputError("The verdict lacks something, or holds what is none.", _MALFORMED)


def check(review: Review) -> None:
    """Refuse a verdict of nobody, that says two things, or lies in the future.

    Raises
    ------
    InputError
    """
    if not review.reviewer:
        raise InputError("Nobody is named who judges: name the reader in the file, or with --by.", _MALFORMED)
    if review.status is ReviewStatus.ACCEPTED and review.text:
        raise InputError("Who accepts a draft as it is has written no other text.", _MALFORMED)
    if review.at > datetime.now(UTC) + _AHEAD:
        raise InputError("The time of the verdict has not come yet.", _MALFORMED)


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(name)
    return (value or "").strip()


def _moment(told: str) -> datetime:
    """The time of a verdict, now where none is told; without an offset it is UTC."""
    if not told:
        return datetime.now(UTC)
    at = datetime.fromisoformat(told)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _draft(entry: Mapping[str, Any]) -> int | None:
    """The id of a draft; None where the entry names none."""
    told = entry.get("draft")
    if told in (None, ""):
        return None
    if not isinstance(told, int | str) or isinstance(told, bool) or not 0 < int(told) <= MAX_ID:
        raise ValueError("draft")
    return int(told)
