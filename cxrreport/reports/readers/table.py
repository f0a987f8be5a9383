"""Tables of reports: CSV (comma, semicolon or tab) and JSON Lines, streamed row by row."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from cxrreport import addenda, indications
from cxrreport.records import Failure, Report
from cxrreport.reports import sections
from cxrreport.reports.parsing import decode
from cxrreport.reports.parsing.columns import Row, fields_of

MAX_FIELD = 1 << 20  # characters of one field, and of one line
_TOO_LONG = "x" * (MAX_FIELD + 1)


def read(path: Path, columns: Mapping[str, str]) -> Iterator[Report | Failure]:
    """Read a table; a broken row becomes a Failure and the rest is read.

    Parameters
    ----------
    columns : our field names (`columns.FIELDS`) to the table's column names. A field that is not named is taken from the column
        of its own name in any case ("date" for reported_at, "report" for text). A `text` column is split into sections.
        A row without accession and study UID is known by an `id` column, else by the digest of its text.
    """
    with path.open(encoding=decode.encoding_of(path), errors="replace", newline="") as file:
        rows = _json_rows(file) if _is_json(file) else _csv_rows(file)
        for number, row in enumerate(rows, start=1):
            yield _result(path, number, row, columns)


def _is_json(file: TextIO) -> bool:
    start = file.read(4096).lstrip()
    file.seek(0)
    return start.startswith("{")


def _json_rows(file: TextIO) -> Iterator[Row | str]:
    """Rows, or what is wrong with them."""
    for line in _lines(file):
        if line.strip():
            yield _json_row(line)


def _json_row(line: str) -> Row | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "is not valid JSON"
    if not isinstance(row, dict):
        return "is not a JSON object"
    return {str(name): _scalar(value) for name, value in row.items()}


def _scalar(value: Any) -> str:
    return "" if value is None or isinstance(value, (dict, list, bool)) else str(value)


def _csv_rows(file: TextIO) -> Iterator[Row | str]:
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(_lines(file), delimiter=_delimiter(file), strict=False)
    header = next(reader, [])
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield "has a field that is too long or not closed"
            continue
        if any(values):
            yield (
                dict(zip(header, values))
                if len(values) == len(header)
                else "has another number of columns than the header"
            )


def _delimiter(file: TextIO) -> str:
    """The one of comma, semicolon and tab that is most frequent in the header."""
    header = file.readline(MAX_FIELD)
    file.seek(0)
    return max(",;\t", key=header.count)


def _lines(file: TextIO) -> Iterator[str]:
    """Lines of bounded length; for a longer one comes one that no parser accepts."""
    return (_TOO_LONG if line is None else line for line in decode.lines(file, MAX_FIELD))


def _result(path: Path, number: int, row: Row | str, columns: Mapping[str, str]) -> Report | Failure:
    if isinstance(row, str):
        return Failure("report.malformed", f"Row {number} of a report table {row}.", path=str(path))
    fields = fields_of(row, columns)
    found = sections.split(fields["text"])
    findings, added_first = sections.without_addenda(fields["findings"] or found.findings)
    impression, added_then = sections.without_addenda(fields["impression"] or found.impression)
    addendum = addenda.join([added_first, added_then, *addenda.part(found.addendum), fields["addendum"]])
    if not findings and not impression and not addendum:
        return Failure("report.empty", f"Row {number} of a report table holds no report text.", path=str(path))
    return Report(
        source=path.name,
        external_id=_external_id(fields, findings, impression, addendum),
        accession=decode.identifier(fields["accession"]),
        study_uid=decode.identifier(fields["study_uid"]),
        patient_id=decode.identifier(fields["patient_id"]),
        issuer=decode.identifier(fields["issuer"]),
        reported_at=decode.moment(fields["reported_at"]),
        findings=findings,
        impression=impression,
        comparison=fields["comparison"] or found.comparison,
        indication=indications.choose([fields["indication"], found.indication]),
        addendum=addendum,
    )


def _external_id(fields: Mapping[str, str], *sections: str) -> str:
    known = decode.identifier(fields["accession"] or fields["study_uid"] or fields["id"])
    return known or hashlib.sha256("\n".join(filter(None, sections)).encode("utf-8", "replace")).hexdigest()[:16]
