"""Tables of reports: CSV (comma, semicolon or tab) and JSON Lines, streamed row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from cxrreport import addenda, indications
from cxrreport.records import Failure, Report
from cxrreport.reports import sections
from cxrreport.reports.parsing import assemble, csv_rows, dates, decode
from cxrreport.reports.parsing.columns import Row, fields_of
from cxrreport.reports.parsing.decode import Skipped

Fields = dict[str, str]
Numbered = tuple[int, Fields | str]  # a row, or what is wrong with it
_LINED = ("findings", "impression", "comparison", "indication", "addendum", "text")


def read(path: Path, columns: Mapping[str, str]) -> Iterator[Report | Failure | Skipped]:
    """Read a table; a broken row becomes a Failure and the rest is read.

    Parameters
    ----------
    columns : our field names (`columns.FIELDS`) to the table's column names. A field that is not named is taken from the column
        of its own name in any case ("date" for reported_at, "report" for text). A `text` column is split into sections.
        A row without accession and study UID is known by an `id` column, else by the digest of its text. Rows of one report
        that follow one another are put together by a `line` column; without one they may not say different things.

    Whether 03/04/2020 is in March or April the other dates of the file tell; where none does, the report has no date and a
    `Skipped("report.date")` tells so.
    """

    @cache
    def day_first() -> bool | None:
        return dates.day_first(row["reported_at"] for _, row in _rows(path, columns) if not isinstance(row, str))

    found = (item for row in _whole(_rows(path, columns)) for item in _result(path, *row, day_first))
    for (known, _), group in groupby(found, key=_identity):
        items = list(group)
        said = {(one.findings, one.impression) for one in items if isinstance(one, Report)} - {("", "")}
        if known and len(said) > 1:
            yield decode.malformed(
                path, f"{len(items)} rows of a report table are of one report and say different things."
            )
        else:
            yield from items


def _rows(path: Path, columns: Mapping[str, str]) -> Iterator[Numbered]:
    with path.open(encoding=decode.encoding_of(path), errors="replace", newline="") as file:
        rows = _json_rows(file) if _is_json(file) else csv_rows.read_rows(file, columns)
        for number, row in enumerate(rows, start=1):
            yield number, row if isinstance(row, str) else fields_of(row, columns)


def _is_json(file: TextIO) -> bool:
    start = file.read(4096).lstrip()
    file.seek(0)
    return start.startswith("{")


def _json_rows(file: TextIO) -> Iterator[Row | str]:
    """Rows, or what is wrong with them."""
    for line in csv_rows.limited_lines(file):
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


# -- rows of one report -----------------------------------------------------------------------------------------------


def _whole(rows: Iterable[Numbered]) -> Iterator[Numbered]:
    """Rows; those that hold one line each of one report are put together."""
    for (lined, *_), group in groupby(rows, key=_lined):
        put_together = _joined if lined else iter
        yield from put_together(group)


def _lined(row: Numbered) -> tuple[Any, ...]:
    number, fields = row
    if isinstance(fields, str) or not fields["line"].isdecimal():
        return False, number
    named = tuple(value for name, value in fields.items() if name not in (*_LINED, "line"))
    return True, named if any(named) else number


def _joined(rows: Iterable[Numbered]) -> Iterator[Numbered]:
    """One row of each run of lines, in the order of their numbers; a number that comes again begins the next report."""
    lines: dict[int, Numbered] = {}
    for number, fields in rows:
        line = int(fields["line"]) if isinstance(fields, dict) else 0
        if line in lines:
            yield _merged(lines)
            lines = {}
        lines[line] = (number, fields)
    yield _merged(lines)


def _merged(lines: Mapping[int, Numbered]) -> Numbered:
    (number, first), *_ = rows = [lines[line] for line in sorted(lines)]
    said = [fields for _, fields in rows if isinstance(fields, dict)]
    joined = {name: "\n".join(filter(None, (fields[name] for fields in said))) for name in _LINED}
    return number, {**said[0], **joined} if said else first


def _identity(item: Report | Failure | Skipped) -> tuple[bool, Any]:
    """What tells reports of one table apart; an item that names no report is one by itself."""
    if not isinstance(item, Report) or not (item.accession or item.study_uid):
        return False, id(item)
    return True, (item.accession, item.study_uid, item.issuer, item.patient_id, item.reported_at)


# -- one report -------------------------------------------------------------------------------------------------------


def _result(
    path: Path, number: int, fields: Fields | str, day_first: Callable[[], bool | None]
) -> Iterator[Report | Failure | Skipped]:
    if isinstance(fields, str):
        yield decode.malformed(path, f"Row {number} of a report table {fields}.")
        return
    fields = {**fields, **{name: assemble.plain(fields[name]) for name in _LINED}}
    found = sections.split(fields["text"])
    findings, added_first = sections.without_addenda(fields["findings"] or found.findings)
    impression, added_then = sections.without_addenda(fields["impression"] or found.impression)
    addendum = addenda.join([added_first, added_then, *addenda.part(found.addendum), fields["addendum"]])
    if not findings and not impression and not addendum:
        yield Failure("report.empty", f"Row {number} of a report table holds no report text.", path=str(path))
        return
    written = fields["reported_at"]
    reported_at = dates.moment(written) or (written and dates.moment(written, day_first())) or None
    if written and not reported_at:
        yield Skipped("report.date")
    yield Report(
        source=path.name,
        external_id=_external_id(fields, findings, impression, addendum),
        accession=decode.identifier(fields["accession"]),
        study_uid=decode.identifier(fields["study_uid"]),
        patient_id=decode.identifier(fields["patient_id"]),
        issuer=decode.identifier(fields["issuer"]),
        reported_at=reported_at,
        findings=findings,
        impression=impression,
        comparison=fields["comparison"] or found.comparison,
        indication=indications.choose([fields["indication"], found.indication]),
        addendum=addendum,
    )


def _external_id(fields: Mapping[str, str], *sections: str) -> str:
    known = decode.identifier(fields["accession"] or fields["study_uid"] or fields["id"])
    return known or decode.fingerprint(*sections)
