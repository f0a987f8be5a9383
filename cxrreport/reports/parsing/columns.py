"""The columns of a report table: our field names, and what hospitals call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FIELDS = (
    "accession", "study_uid", "patient_id", "issuer", "reported_at", "findings", "impression", "comparison", "indication",
    "addendum", "text", "line",
)  # fmt: skip
_OTHER_NAMES = {
    "reported_at": ("date",),
    "text": ("report",),
    "line": ("line_number", "line_no", "line_num", "linenumber"),
}
TEXTS = ("findings", "impression", "comparison", "indication", "addendum", "text")
_KEYS = ("accession", "study_uid", "patient_id", "id")
KNOWN = frozenset((*FIELDS, "date", "report", "id"))

Row = Mapping[str, str]


def fields_of(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """Values of `FIELDS` and "id" in a row, "" where it has none; `columns` names the columns that are called otherwise."""
    by_name = {name.strip().lower(): value for name, value in row.items()}
    fields = {}
    for field in (*FIELDS, "id"):
        values = (row.get(name) or by_name.get(name.lower(), "") for name in _names(field, columns))
        fields[field] = next((value.replace("\x00", "").strip() for value in values if value), "")
    return fields


def key_columns(header: Sequence[str], columns: Mapping[str, str]) -> list[int]:
    """Places of the columns that name a report or a patient."""
    return _places(header, _KEYS, columns)


def text_columns(header: Sequence[str], columns: Mapping[str, str]) -> list[int]:
    """Places of the columns that hold sections of a report."""
    return _places(header, TEXTS, columns)


def _places(header: Sequence[str], fields: Sequence[str], columns: Mapping[str, str]) -> list[int]:
    names = {name.lower() for field in fields for name in _names(field, columns)}
    return [place for place, name in enumerate(header) if name.strip().lower() in names]


def _names(field: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    return (columns[field],) if field in columns else (field, *_OTHER_NAMES.get(field, ()))
