"""Rows of a CSV file that strangers wrote: quotes that nobody closed, separators that nobody counted, lines without end."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TextIO

from cxrreport.reports.parsing import decode
from cxrreport.reports.parsing.columns import Row, key_columns

MAX_FIELD = 1 << 20  # characters of one field, and of one line
_TOO_LONG = "x" * (MAX_FIELD + 1)  # stands for a longer line: no parser accepts it
_END = "\x1fend\n"  # a line behind the last: an open quote takes it in
_SEPARATOR = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.IGNORECASE)  # of Excel
_KEY = re.compile(r"[^\s\d]*+\d\S*+")


def read_rows(file: TextIO, columns: Mapping[str, str]) -> Iterator[Row | str]:
    """Rows of a file at its beginning, or what is wrong with them.

    A quoted field may hold lines, but none that looks like a row: a quote that nobody closed would take in the reports of
    other patients. Such a row is broken, and what follows it is read.
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
    is_row = _row_tester(header, delimiter, columns)
    for values, record in records:
        taken_in = next((number for number, line in enumerate(record) if number and is_row(line)), None)
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
    """Lines, then `_END`. It remembers those of the record that is being read, and takes lines back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._back = lines, deque[str]()
        self._ended = False
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines, None)
        if line is None:
            if self._ended:
                raise StopIteration
            line, self._ended = _END, True
        self.record.append(line)
        return line

    def take_back(self, lines: Sequence[str]) -> None:
        """Give these lines again before all others."""
        self._back.extendleft(reversed(lines))


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[list[str] | None, list[str]]]:
    """Values of each record, None for one that is too long, and its lines; without the end of the file."""
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    while True:
        lines.record = []
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
    first = next((line for line in iter(partial(file.readline, MAX_FIELD), "") if line.strip()), "")
    if named := _SEPARATOR.fullmatch(first):
        return named[1]
    file.seek(0)
    return max(",;\t", key=first.count)


def _row_tester(header: list[str], delimiter: str, columns: Mapping[str, str]) -> Callable[[str], bool]:
    keys = key_columns(header, columns)

    def is_row(line: str) -> bool:
        """Has a line as many columns as the header, numbers in those that name, and no space behind commas as prose has?"""
        if line == _TOO_LONG or line.count(delimiter) < len(header) - 1:
            return False
        values = next(csv.reader([line], delimiter=delimiter), [])
        named = [values[key].strip() for key in keys if key < len(values)]
        is_prose = any(value[:1] == " " for value in values)
        return (
            len(values) >= len(header) > 1
            and any(named)
            and all(map(_KEY.fullmatch, filter(None, named)))
            and not is_prose
        )

    return is_row


def _row(header: list[str], values: list[str]) -> Row | str:
    """Columns beyond the header are none where they are blank."""
    if len(values) < len(header) or any(value.strip() for value in values[len(header) :]):
        return "has another number of columns than the header"
    return dict(zip(header, values))
