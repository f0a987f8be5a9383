"""No command reads a whole large table where a few rows would do: the plan of every statement that it sends is looked at."""

from __future__ import annotations

from pathlib import Path

from builders.plans import whole_reads
from builders.tool import Tool, Visit, write_visit
from sqlalchemy import text

# What a command may read whole, and why; all others read what they name.
ALLOWED = {
    # accession numbers that two studies share, for links that have become ambiguous; digests of reports: both in indices
    "generate": {"study", "report"},
    "index": {"report"},  # it is built from all reports
    "status": {"patient", "study", "image", "report", "draft"},  # it counts them, in indices
    "trust": {"report"},  # of few reports PostgreSQL gathers the studies rather than to look each one up
    "export": {"study", "draft"},  # it tells how many studies have no draft
}
COMMANDS = (
    ("runs",),
    ("status",),
    ("drafts",),
    ("drafts", "--changed-only"),
    ("drafts", "--study", "A103"),
    ("failures",),
    ("show", "A103"),
    ("trust",),
    ("trust", "gates"),
    ("trust", "gates", "--set", "edema", "state", "closed", "--reason", "x"),
    ("trust", "report"),
    ("forget", "P2", "--yes"),
)


def test_no_command_reads_more_than_it_must(
    any_tool: Tool, shared_export: Path, shared_reports: Path, tmp_path: Path
) -> None:
    any_tool("index", shared_reports)
    any_tool.json("generate", shared_export)
    for accession, patient in (("A900", "P1"), ("A901", "P9")):
        write_visit(tmp_path / "new", Visit(accession, patient, "20240901"))
    night = (("generate", tmp_path / "new"), ("index", shared_reports))
    for command in (*night, ("export", tmp_path / "out", "--format", "jsonl"), *COMMANDS):
        with whole_reads() as found:
            assert any_tool(*command) == 0, any_tool.err
        assert found, "no statement was seen"
        allowed = ALLOWED.get(command[0], set())
        assert {statement: tables for statement, tables in found.items() if tables - allowed} == {}, command


def test_a_whole_read_is_seen(any_tool: Tool) -> None:
    """Else the test above could not fail."""
    statement = "SELECT id FROM image WHERE transfer_syntax = '1.2'"
    with whole_reads() as found, any_tool.connection() as connection:
        connection.execute(text(statement))
        connection.execute(text("SELECT id FROM image WHERE sop_uid = '1.2'"))
    assert [tables for asked, tables in found.items() if "FROM image" in asked] == [{"image"}, set()]
