"""Rows of a CSV file that strangers wrote: quotes that nobody closed, separators that nobody counted, lines without end."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from typing import TextIO

from cxrreport.reports.parsing import decode
from cxrreport.reports.parsing.columns import Row, key_columns, text_columns

MAX_FIELD = 1 << 20  # characters of one field, and of one line
_TOO_LONG = "x" * (MAX_FIELD + 1)  # stands for a longer line: no parser accepts it
_END = "\x1fend\n"  # a line behind the last: an open quote takes it in
_SEPARATOR = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)  # of Excel
_KEY = re.compile(r"[^\s\d]*+\d\S*+")
_SHAPES = ((re.compile("[a-zà-ÿ]"), "a"), (re.compile("[A-ZÀ-Þ]"), "A"), (re.compile(r"\d"), "0"))
_REPEATED = re.compile(r"(.)\1+", re.DOTALL)
_AHEAD = 100  # lines that are read behind the first that looks like a row, to see whether the quote is closed


def read_rows(file: TextIO, columns: Mapping[str, str]) -> Iterator[Row | str]:
    """Rows of a file at its beginning, or what is wrong with them.

    A quoted field may hold lines, but none that looks like a row (`_Rows`): a quote that nobody closed would take in the
    reports of other patients. Such a row is broken, and what follows it is read.
    """
    csv.field_size_limit(MAX_FIELD)
    lines = _Lines(limited_lines(file))
    delimiter = _delimiter(file)
    records = _records(lines, delimiter)
    header = next((values for values, _ in records if values is None or any(values)), [])
    if header is None or _END in lines.record:
        yield "is no header that can be read, so nothing below it is"
        return
    while header and not header[-1].strip():
        del header[-1]
    lines.rows = _Rows(header, delimiter, columns)
    for values, record in records:
        taken_in = lines.rows.taken_in(values, record, lines.like_a_row)
        if taken_in is not None:
            lines.take_back(record[taken_in:])
        if values is None or taken_in is not None or record[-1] == _END:
            yield "has a field that is too long, or a quote that is not closed"
        elif any(values):
            yield _row(header, values)


def limited_lines(file: TextIO) -> Iterator[str]:
    """Lines of bounded length; for a longer one comes one that no parser accepts."""
    return (_TOO_LONG if line is None else line for line in decode.lines(file, MAX_FIELD))


class _Lines:
    """Lines, then `_END`. It remembers those of the record that is being read, and takes lines back.

    like_a_row : the first line of the record, but for its first, that looks like a row. Soon behind it the record is broken
    off, for if every quote were looked for to the end of the file, a file of them would cost its length squared.
    """

    rows: _Rows | None = None

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._back = lines, deque[str]()
        self._ended = False
        self.begin()

    def begin(self) -> None:
        """The next line begins a record."""
        self.record: list[str] = []
        self.like_a_row: int | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.like_a_row is not None and len(self.record) > self.like_a_row + _AHEAD:
            raise csv.Error
        line = self._back.popleft() if self._back else next(self._lines, None)
        if line is None:
            if self._ended:
                raise StopIteration
            line, self._ended = _END, True
        if self.record and self.rows and self.like_a_row is None and self.rows.is_row(line, self.record[0]):
            self.like_a_row = len(self.record)
        self.record.append(line)
        return line

    def take_back(self, lines: Sequence[str]) -> None:
        """Give these lines again before all others."""
        self._back.extendleft(reversed(lines))


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[list[str] | None, list[str]]]:
    """Values of each record, None for one that is too long or has no end, and its lines; without the end of the file."""
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    while True:
        lines.begin()
        try:
            values: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values = None
        if lines.record != [_END]:
            yield values, lines.record


def _delimiter(file: TextIO) -> str:
    """What a line "sep=;" names, else the one of comma, semicolon and tab that is most frequent in the header."""
    lines = iter(partial(file.readline, MAX_FIELD), "")
    first = next(filter(str.strip, lines), "")
    named = _SEPARATOR.fullmatch(first)
    if named and named[1] != '"':
        return named[1]
    file.seek(0)
    return max(",;\t", key=first.count)


class _Rows:
    """What the rows of a table look like: as many columns as the header, numbers in those that name, no prose before texts."""

    def __init__(self, header: Sequence[str], delimiter: str, columns: Mapping[str, str]) -> None:
        self._width, self._delimiter = len(header), delimiter
        self._texts = text_columns(header, columns)
        others = [place for place in range(len(header)) if place not in self._texts]
        self._keys = key_columns(header, columns) or others[:1]

    def is_row(self, line: str, first: str) -> bool:
        """May a line be a row of its own, beside the row of which `first` is the first line?

        Its numbers have digits, or the form of those of that row: AB-X and CD-Y.
        """
        if line == _TOO_LONG or line.count(self._delimiter) < self._width - 1:
            return False
        values = self._values(line)
        if not len(values) >= self._width > 1 or self._is_prose(values):
            return False
        forms = map(_form, self._named(self._values(first)))
        named = [(key, form) for key, form in zip_longest(self._named(values), forms, fillvalue="") if key]
        return bool(named) and all(
            _KEY.fullmatch(key) or (" " not in key and _form(key) == form) for key, form in named
        )

    def taken_in(self, values: list[str] | None, record: Sequence[str], like_a_row: int | None) -> int | None:
        """The first line of a record that is a row of its own; None where there is none.

        Where every quote of the record has its place, such a line may be one of a text ("T11,T12 unchanged."): it is a row
        only where its numbers are as long as those of the record.
        """
        if like_a_row is None or values is None or len(values) != self._width or not self._is_sound(record):
            return like_a_row
        own = self._named(values)
        others = (self._named(self._values(line)) for line in record[like_a_row:])
        return like_a_row if any(_alike(own, other) for other in others) else None

    def _values(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self._delimiter), [])

    def _named(self, values: Sequence[str]) -> list[str]:
        return [values[key].strip() for key in self._keys if key < len(values)]

    def _is_prose(self, values: Sequence[str]) -> bool:
        """Is there a space behind commas? Texts of a table of several columns before them may begin with one."""
        told = self._texts if self._width - len(self._texts) > 1 else ()
        return any(value[:1] == " " for place, value in enumerate(values[: self._width]) if place not in told)

    def _is_sound(self, record: Sequence[str]) -> bool:
        try:
            return len(list(csv.reader(record, delimiter=self._delimiter, strict=True))) == 1
        except csv.Error:
            return False


def _alike(own: Sequence[str], others: Sequence[str]) -> bool:
    """Have two rows numbers of one shape, as far as both have any?"""
    both = [(_shape(one), _shape(other)) for one, other in zip(own, others) if one and other]
    return bool(both) and all(one == other for one, other in both)


def _shape(key: str) -> str:
    """Kind of each character of a number: "A00" of "P17"."""
    for pattern, kind in _SHAPES:
        key = pattern.sub(kind, key)
    return key


def _form(key: str) -> str:
    """As `_shape`, whatever the length: "A0"."""
    return _REPEATED.sub(r"\1", _shape(key))


def _row(header: list[str], values: list[str]) -> Row | str:
    """Columns beyond the header are none where they are blank."""
    if len(values) < len(header) or any(value.strip() for value in values[len(header) :]):
        return "has another number of columns than the header"
    return dict(zip(header, values))
