"""Tables of reports: CSV (comma, semicolon or tab) and JSON Lines, streamed row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from cxrreport import addenda, indications
from cxrreport.records import Failure, Report
from cxrreport.reports import sections
from cxrreport.reports.parsing import assemble, csv_rows, dates, decode
from cxrreport.reports.parsing.columns import TEXTS, Row, fields_of
from cxrreport.reports.parsing.decode import Skipped
from cxrreport.reports.parsing.table_groups import Fields, Numbered, Survey, checked

Found = tuple[int, list[Report | Failure | Skipped]]  # number of a row, what is told of it
_ALIVE = 10_000  # rows
_NAMED = 5  # rows that a message names


def read(path: Path, columns: Mapping[str, str]) -> Iterator[Report | Failure | Skipped | None]:
    """Read a table; a broken row becomes a Failure and the rest is read. None is a sign of life.

    Parameters
    ----------
    columns : our field names (`columns.FIELDS`) to the table's column names. A field that is not named is taken from the column
        of its own name in any case ("date" for reported_at, "report" for text). A `text` column is split into sections.
        A row without accession and study UID is known by an `id` column, else by the digest of its text. Rows of one report,
        wherever they stand, are put together by a `line` column; else they may not say different things (`_of_one`).

    Whether 03/04/2020 is in March or April the other dates of the file tell; where none does, the report has no date and a
    `Skipped("report.date")` tells so.
    """
    survey = Survey()
    for number, row in _rows(path, columns):
        survey.see(row)
        if number % _ALIVE == 0:
            yield None
    for group in survey.groups(_rows(path, columns)):
        found = [(number, list(_result(path, number, row, survey.day_first))) for number, row in group]
        yield from _of_one(path, found)


def _rows(path: Path, columns: Mapping[str, str]) -> Iterator[Numbered]:
    with path.open(encoding=decode.encoding_of(path), errors="replace", newline="") as file:
        rows = _json_rows(file) if _is_json(file) else csv_rows.read_rows(file, columns)
        for number, row in enumerate(rows, start=1):
            yield number, row if isinstance(row, str) else checked(fields_of(row, columns))


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


def _of_one(path: Path, found: list[Found]) -> Iterator[Report | Failure | Skipped]:
    """What rows of one report tell. Of versions of several days the last is taken; else all are refused that differ."""
    whole = [(number, one) for number, items in found for one in items if isinstance(one, Report) and _said(one)]
    if len({report.external_id for _, report in whole}) > 1:  # of one patient and day, and known by their texts
        whole = []
    last = _last_version([report for _, report in whole])
    if last is None and len({_said(report) for _, report in whole}) > 1:
        rows = ", ".join(str(number) for number, _ in whole[:_NAMED])
        yield decode.malformed(
            path,
            f"Rows {rows}{', …' * (len(whole) > _NAMED)} of a report table are of one report and say different things.",
        )
        return
    earlier = [number for number, report in whole if last and _said(report) != _said(last)]
    for number in earlier:
        yield decode.malformed(
            path, f"Row {number} of a report table is of a report that another row of a later day tells otherwise."
        )
    yield from (one for number, items in found if number not in earlier for one in items)


def _said(report: Report) -> tuple[str, ...]:
    """The report itself, but for white space; () of an addendum alone."""
    said = tuple(" ".join(section.split()) for section in (report.findings, report.impression))
    return said if any(said) else ()


def _last_version(reports: Sequence[Report]) -> Report | None:
    """The report that holds, where every other was written on an earlier day and has no section that this one lacks."""
    last = max(reports, key=lambda one: one.reported_at or datetime.min, default=None)
    if last is None or last.reported_at is None:
        return None
    others = [one for one in reports if _said(one) != _said(last)]
    earlier = all(one.reported_at and one.reported_at.date() < last.reported_at.date() for one in others)
    return last if earlier and not any(a and not b for one in others for a, b in zip(_said(one), _said(last))) else None


# -- one report -------------------------------------------------------------------------------------------------------


def _result(
    path: Path, number: int, fields: Fields | str, day_first: bool | None
) -> Iterator[Report | Failure | Skipped]:
    if isinstance(fields, str):
        yield decode.malformed(path, f"Row {number} of a report table {fields}.")
        return
    fields = {**fields, **{name: assemble.plain(fields[name]) for name in TEXTS}}
    found = sections.split(fields["text"])
    findings, added_first = sections.without_addenda(fields["findings"] or found.findings)
    impression, added_then = sections.without_addenda(fields["impression"] or found.impression)
    addendum = addenda.join([added_first, added_then, *addenda.part(found.addendum), fields["addendum"]])
    if not findings and not impression and not addendum:
        yield Failure("report.empty", f"Row {number} of a report table holds no report text.", path=str(path))
        return
    written = fields["reported_at"]
    reported_at = dates.moment(written, day_first)
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
