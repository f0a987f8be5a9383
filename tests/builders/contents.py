"""What an archive holds of its drafts, to be compared with another archive."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import inspect

from builders.tool import Tool

OWN = (
    "id",
    "draft_id",
    "study_id",
    "run_id",
    "created_at",
    "prior_study_id",
    "index_version",
)  # numbers and times of one archive
TABLES = ("finding", "region", "span", "reference")


def contents(tool: Tool) -> list[Any]:
    """All that is stored of the drafts, but for the numbers of rows and when they were made."""
    found: list[Any] = []
    for table in ("draft", *TABLES):
        with tool.connection() as connection:
            columns = [c["name"] for c in inspect(connection).get_columns(table) if c["name"] not in OWN]
        picked = ", ".join(f"{table}.{name}" for name in columns)
        join = "" if table == "draft" else f" JOIN {table} ON {table}.draft_id = draft.id"
        query = f"SELECT accession, {picked} FROM draft JOIN study ON study.id = draft.study_id{join}"  # noqa: S608
        found.append(sorted(repr([_plain(value) for value in row]) for row in tool.rows(query)))
    return found


def _plain(value: Any) -> Any:
    """A value as either database gives it: SQLite has neither truth values nor documents."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = json.loads(value)
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return int(value) if isinstance(value, bool) else value
