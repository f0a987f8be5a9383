"""How a database would do each statement that it is sent: which large tables it would read whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

LARGE = {
    "patient",
    "study",
    "image",
    "file",
    "report",
    "draft",
    "finding",
    "region",
    "span",
    "reference",
    "delivery",
    "judgement",
    "agreement",
}
FEW = {
    "ix_report_undated",
    "ix_image_unseen",
    "ix_image_reason",
    "uq_draft_preliminary",
}  # indices of a part of the rows


@contextmanager
def whole_reads() -> Iterator[dict[str, set[str]]]:
    """Statement -> the large tables that it reads whole, of all that is sent meanwhile, however small they are now.

    SQLite, which has no statistics here, plans as for large tables; PostgreSQL is made to take an index where one serves.
    """
    found: dict[str, set[str]] = {}
    look = {"sqlite": _of_sqlite, "postgresql": _of_postgres}

    def explain(connection: Connection, cursor: Any, statement: str, parameters: Any, _: Any, many: bool) -> None:
        if re.match(r"SELECT|UPDATE|DELETE|WITH", statement) and not many:
            with_plan = cursor.connection.cursor()
            whole = look[connection.dialect.name](with_plan, statement, parameters) & LARGE
            found.setdefault(" ".join(statement.split()), set()).update(whole)
            with_plan.close()

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def _of_sqlite(cursor: Any, statement: str, parameters: Any) -> set[str]:
    """https://sqlite.org/eqp.html: SCAN reads all rows of a table or of an index, SEARCH some."""
    lines = [line[-1] for line in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()]
    told = (re.match(r"SCAN ([a-z]+)", line) for line in lines if not FEW & set(line.split()))
    return {match[1] for match in told if match}


def _of_postgres(cursor: Any, statement: str, parameters: Any) -> set[str]:
    cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    ((plans,),) = cursor.fetchall()
    return {table for plan in plans for table in _read_whole(plan["Plan"])}


def _read_whole(node: dict[str, Any]) -> Iterator[str]:
    """A sequential scan, or one of an index without a condition; not the end of an index, where `max` looks."""
    if node["Node Type"] == "Limit" and node["Plans"][0]["Node Type"] == "Index Only Scan":
        return
    scans = node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan")
    if scans and "Index Cond" not in node and node.get("Index Name") not in FEW:
        yield node.get("Relation Name") or node["Index Name"]
    for child in node.get("Plans", ()):
        yield from _read_whole(child)
