"""Rows of one report in a table, wherever they stand: a first look at all rows finds them, a second puts them together."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter

from cxrreport.reports.parsing import dates, decode
from cxrreport.reports.parsing.columns import TEXTS

Fields = dict[str, str]
Numbered = tuple[int, Fields | str]  # a row, or what is wrong with it
_LINE = re.compile(r"(\d{1,9})(?:\.0+)?")
_DIGITS = re.compile(r"\d{10,}+")


def checked(fields: Fields) -> Fields | str:
    """A row, or what is wrong with it."""
    return "has a line number that is none" if _DIGITS.match(fields["line"]) else fields


class Survey:
    """What a first look at every row of a table tells; it keeps some 100 bytes a report, and no text.

    several : how many rows each report has whose rows differ, by its key.
    """

    def __init__(self) -> None:
        self._told: dict[int, int] = {}
        self._rows: dict[int, int] = {}
        self._differ: set[int] = set()
        self._day_first: set[bool] = set()

    def see(self, row: Fields | str) -> None:
        """Take in the next row."""
        if isinstance(row, str):
            return
        if (told := dates.day_first(row["reported_at"])) is not None:
            self._day_first.add(told)
        if (key := _key(row)) is None:
            return
        digest = hash((row["line"], row["reported_at"], *(row[name] for name in TEXTS)))
        if self._told.setdefault(key, digest) != digest:
            self._differ.add(key)
        self._rows[key] = self._rows.get(key, 0) + 1

    @property
    def day_first(self) -> bool | None:
        """Do days stand before months? None where no date tells, or they disagree."""
        return next(iter(self._day_first)) if len(self._day_first) == 1 else None

    def groups(self, rows: Iterable[Numbered]) -> Iterator[list[Numbered]]:
        """The same rows again: those of one report that differ together, once the last of them is there, all others alone."""
        left, held, broken = {key: self._rows[key] for key in self._differ}, dict[int, list[Numbered]](), list[int]()
        for row in rows:
            key = None if isinstance(row[1], str) else _key(row[1])
            if isinstance(row[1], str):
                broken.append(row[0])
            if key is None or key not in left:
                yield [row]
                continue
            held.setdefault(key, []).append(row)
            left[key] -= 1
            if left[key] == 0:
                yield sorted(_put_together(held.pop(key), broken), key=itemgetter(0))
        yield from held.values()  # of a file that changed meanwhile


def _key(fields: Fields) -> int | None:
    """What tells reports of one table apart; None for a row that names none."""
    accession, uid, own, issuer, patient = (
        decode.identifier(fields[name]) for name in ("accession", "study_uid", "id", "issuer", "patient_id")
    )
    if accession or uid or own:
        return hash((accession, uid, "" if accession or uid else own, issuer, patient))
    return hash((issuer, patient, fields["reported_at"])) if patient and _line(fields) is not None else None


def _line(fields: Fields) -> int | None:
    match = _LINE.fullmatch(fields["line"])
    return int(match[1]) if match else None


def _put_together(rows: list[Numbered], broken: list[int]) -> Iterator[Numbered]:
    """Rows of one report; a line each becomes one row a version, in the order of their numbers.

    A number that comes again begins the next version. Where a broken row stands among the lines, it may be one of them.
    """
    lines: dict[int, Numbered] = {}
    if bisect(broken, rows[0][0]) != bisect(broken, rows[-1][0]) and any(_line(row) is not None for row in _good(rows)):
        yield rows[0][0], "begins a report of several rows, and a row among them is broken"
        return
    for number, fields in rows:
        line = _line(fields) if isinstance(fields, dict) else None
        if line is None:
            yield number, fields
            continue
        if line in lines:
            yield _merged(lines)
            lines = {}
        lines[line] = (number, fields)
    if lines:
        yield _merged(lines)


def _good(rows: Iterable[Numbered]) -> list[Fields]:
    return [fields for _, fields in rows if isinstance(fields, dict)]


def _merged(lines: Mapping[int, Numbered]) -> Numbered:
    """One row of the number of its first; of several dates it has the last, for nobody may read a report before."""
    said = _good(lines[line] for line in sorted(lines))
    joined = {name: "\n".join(filter(None, (fields[name] for fields in said))) for name in TEXTS}
    dated = filter(None, (fields["reported_at"] for fields in said))
    joined["reported_at"] = max(dated, key=lambda written: dates.moment(written) or datetime.min, default="")
    return min(number for number, _ in lines.values()), {**said[0], **joined}
