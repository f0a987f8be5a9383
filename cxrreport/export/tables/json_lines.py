"""`studies.jsonl`: a document a study, with its findings, sentences, spans, regions and references; and its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from cxrreport.export.formats import Streaming
from cxrreport.export.study import StudyView
from cxrreport.export.subject import Subject
from cxrreport.export.tables.columns import PARTS, STUDY, VERSION, Column, Kind, part_rows, study_row

Facts = dict[str, Any]


class Tables(Streaming):
    """`studies.jsonl`, and `studies.schema.json` that says what is in it."""

    def __enter__(self) -> Tables:
        """Open the files beside their places."""
        place, told = (
            self._open.enter_context(self._folder.whole(f"studies.{end}")) for end in ("jsonl", "schema.json")
        )
        told.write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
        self._file = self._open.enter_context(place.open("w", encoding="utf-8", newline=""))
        return self

    def add(self, subject: Subject) -> None:
        """Write a line."""
        self._file.write(json.dumps(document(subject.view), default=_iso, allow_nan=False) + "\n")


def document(view: StudyView) -> Facts:
    """The study and its lists."""
    return {**study_row(view), **part_rows(view)}


def _iso(value: date) -> str:
    """A date or time as ISO 8601 says it."""
    return value.isoformat()


def schema() -> Facts:
    """The JSON Schema of one line."""
    lists = {name: {"type": "array", "items": _object(columns)} for name, columns in PARTS.items()}
    known = _object(STUDY)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A draft of cxrreport, version {VERSION}",
        "description": "Within one version properties are added, and none is renamed, removed or given another meaning.",
        "type": "object",
        "properties": {**known["properties"], **lists},
        "required": [*known["required"], *lists],
    }


def _object(columns: Iterable[Column]) -> Facts:
    properties = {column.name: _property(column) for column in columns}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _property(column: Column) -> Facts:
    kind, form = column.kind.value
    told: Facts = {"description": column.meaning, "type": [kind, "null"] if column.nullable else kind}
    if form:
        told["format"] = form
    if column.kind is Kind.TEXTS:
        told["items"] = {"type": "string"}
    if column.values:
        told["enum"] = [*column.values, *([None] if column.nullable else [])]
    return told
