"""`studies.csv`, a row a study, and `findings.csv`, a row a finding: RFC 4180, UTF-8, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from cxrreport.export.formats import Streaming
from cxrreport.export.subject import Subject
from cxrreport.export.tables.columns import FINDING_ROW, STUDY, Column, Row, finding_rows, study_row

# What makes a formula of a cell, in a spreadsheet of any language (OWASP, CSV Injection).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Tables(Streaming):
    """Both files."""

    def __enter__(self) -> Tables:
        """Open the files beside their places and write their heads."""
        self._studies, self._findings = self._begin("studies", STUDY), self._begin("findings", FINDING_ROW)
        return self

    def _begin(self, name: str, columns: Iterable[Column]) -> csv.DictWriter[str]:
        place = self._open.enter_context(self._folder.whole(f"{name}.csv"))
        file = self._open.enter_context(place.open("w", encoding="utf-8", newline=""))
        table = csv.DictWriter(file, [column.name for column in columns])
        table.writeheader()
        return table

    def add(self, subject: Subject) -> None:
        """Write the rows of a study."""
        study, findings = cells(study_row(subject.view)), [cells(row) for row in finding_rows(subject.view)]
        self._studies.writerow(study)
        self._findings.writerows(findings)


def cells(row: Row) -> dict[str, str]:
    """The row as the cells of a table."""
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return guarded(" ".join(value))
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) else value.isoformat()


def guarded(text: str) -> str:
    """The text for a cell, which no spreadsheet takes for a formula: an apostrophe stands before one.

    `text[1:]` gives it back where it begins with apostrophes and what follows them would make a formula.
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text
