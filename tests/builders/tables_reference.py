"""docs/tables.md, from the columns of the tables; `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cxrreport.export.research.columns import RESEARCH
from cxrreport.export.tables.columns import FINDING_ROW, PARTS, STUDY, VERSION, Column

INTRODUCTION = f"""# Drafts as tables

Written by `make docs`; a test holds it equal to the code. Version {VERSION} of the columns: within a version columns
are added, and none is renamed, removed or given another meaning, so read them by name. The version stands in the column
`schema_version`, and in the metadata of Parquet as `cxrreport.schema_version`.

```
cxrreport export --format jsonl --format csv --format parquet tables/
```

| format | files | one row |
|---|---|---|
| `jsonl` | `studies.jsonl`, `studies.schema.json`: the JSON Schema (2020-12) of its lines | a study with its lists |
| `csv` | `studies.csv`, `findings.csv` | a study; a finding of a study |
| `parquet` | `studies.parquet`, `findings.parquet`; needs `pip install 'cxrreport[tables]'` | the same |

Rows stand in the order of the worklist: by priority, the latest study first. `findings.csv` joins `studies.csv` by
`draft_id`. The label stands in every row. The same archive gives the same bytes (of Parquet: by the same release of
pyarrow), and a table is there whole or not at all. The tables hold what was asked for in this call: an export of one
day replaces the tables of the day before in the same directory.

There are 13 findings a study: "no finding" sums up the others and is none. `sentences` is empty where nothing was said of a
prior. Under [pseudonyms](pseudonyms.md) the columns are the same, and what is left out is empty or none.

**JSON** is ASCII with escapes; what is none is `null`. **Parquet** is compressed with zstd, in groups of 1,000 studies;
the meaning of each column stands in its field's metadata.

**CSV** is that of RFC 4180: UTF-8 without a byte order mark, commas, CRLF between rows, quotes where they are needed.
None is an empty cell, `true` and `false` are lower case, flags are parted by spaces. A text that a spreadsheet would
take for a formula (its first sign is `=`, `+`, `-`, `@`, a tab or a line's end, or one of the first four in full width)
gets an apostrophe in front, also where it begins with apostrophes already. A program takes that apostrophe away again:
where a cell begins with one, and what follows all its apostrophes is one of these signs, the text is the cell without
its first sign. Numbers are never changed: those of these tables may be negative and are no formulas.

Memory does not grow with the archive: all three formats in one call took 273 MiB for 1,000 drafts and 278 MiB for 10,000
(made-up drafts of two sentences, without references; SQLite; 106 s of CPU; `benchmarks/exports.py`), which made 48 MiB of
`jsonl`, 31 MiB of `csv` and 0.9 MiB of `parquet`. References with their texts make the lines of `jsonl` longer.

To a spreadsheet say that the file is UTF-8, and that identifiers are texts: left alone, it shortens long numbers and
drops leading zeros.
"""


def reference() -> str:
    """Return docs/tables.md as it must be."""
    lines = [INTRODUCTION, *_table("A study: `studies.jsonl`, `studies.csv`, `studies.parquet`", STUDY)]
    lines += _table("A finding: `findings.csv`, `findings.parquet`", FINDING_ROW)
    for name, columns in PARTS.items():
        lines += _table(f"The list `{name}` of `studies.jsonl`", columns)
    lines += _table("A finding of a judged draft: `cxrreport trust export`", RESEARCH)
    return "\n".join(lines)


def _table(title: str, columns: Iterable[Column]) -> Iterator[str]:
    yield f"## {title}\n\n| column | type | meaning |\n|---|---|---|"
    yield from (f"| `{one.name}` | {_type(one)} | {_meaning(one)} |" for one in columns)
    yield ""


def _type(column: Column) -> str:
    kind = column.kind.name.lower().replace("_", " ")
    return f"{kind}, or none" if column.nullable else kind


def _meaning(column: Column) -> str:
    values = ", ".join(f"`{value}`" for value in column.values)
    return f"{column.meaning} One of {values}." if values else column.meaning


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
