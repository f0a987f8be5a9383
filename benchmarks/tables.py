"""Compact tables as CSV files, and as Markdown with the spread over runs."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

Row = dict[str, str]  # cells by column; "" where nothing was measured


def read_rows(path: Path) -> list[Row]:
    """Lines of a CSV file."""
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a CSV file whose columns are those of all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def as_row(values: dict[str, Any]) -> Row:
    """Cells of values: floats with nine digits, whole numbers and words as they are."""
    return {name: _cell(value) for name, value in values.items()}


def _cell(value: Any) -> str:
    if isinstance(value, float):
        text = f"{value:.9f}".rstrip("0")
        return f"{text}0" if text.endswith(".") else text
    return "" if value is None else str(value)


def by(rows: Iterable[Row], *columns: str) -> dict[tuple[str, ...], list[Row]]:
    """Rows in groups that have these columns alike, in the order of the rows."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in columns), []).append(row)
    return groups


def spread(cells: Iterable[str | float], name: str = "", sign: str = "-") -> str:
    """Mean ± standard deviation; the value alone where there is one, `-` where there is none. sign "+" shows every sign."""
    found = [cell for cell in cells if cell != ""]
    if not found:
        return "-"
    whole = name == "distinct" or "." not in str(found[0])
    digits = 3 if not whole else 1 if len(found) > 1 else 0
    values = [float(cell) for cell in found]
    shown = f"{mean(values):{sign}.{digits}f}"
    return f"{shown} ± {stdev(values):.{digits}f}" if len(values) > 1 else shown


def table(title: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown with a heading and a caption."""
    lines = [columns, ["---"] * len(columns), *rows]
    return ["", f"### {title}", "", caption, "", *("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)]


def _escaped(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
