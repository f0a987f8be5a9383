"""The columns of a report table: our field names, and what hospitals call them."""

from __future__ import annotations

from collections.abc import Mapping

FIELDS = (
    "accession", "study_uid", "patient_id", "issuer", "reported_at", "findings", "impression", "comparison", "indication",
    "addendum", "text",
)  # fmt: skip
_OTHER_NAMES = {"reported_at": ("date",), "text": ("report",)}
KNOWN = frozenset((*FIELDS, "date", "report", "id"))

Row = Mapping[str, str]


def fields_of(row: Row, columns: Mapping[str, str]) -> dict[str, str]:
    """Values of `FIELDS` and "id" in a row, "" where it has none; `columns` names the columns that are called otherwise."""
    by_name = {name.strip().lower(): value for name, value in row.items()}
    fields = {}
    for field in (*FIELDS, "id"):
        names = (columns[field],) if field in columns else (field, *_OTHER_NAMES.get(field, ()))
        values = (row.get(name) or by_name.get(name.lower(), "") for name in names)
        fields[field] = next((value.replace("\x00", "").strip() for value in values if value), "")
    return fields
