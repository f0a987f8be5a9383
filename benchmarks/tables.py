"""Markdown tables, and numbers with their spread over runs."""

import re
from collections.abc import Sequence
from statistics import mean, stdev


def spread(values: Sequence[float], name: str = "", sign: str = "-") -> str:
    """Mean ± standard deviation; the value alone where there is one, `-` where there is none. sign: "+" shows every sign."""
    if not values:
        return "-"
    digits = 1 if name == "distinct" and len(values) > 1 else 0 if name == "distinct" else 3
    said = f"{mean(values):{sign}.{digits}f}"
    return f"{said} ± {stdev(values):.{digits}f}" if len(values) > 1 else said


def table(title: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown with a heading and a caption."""
    lines = [columns, ["---"] * len(columns), *rows]
    return ["", f"### {title}", "", caption, "", *("| " + " | ".join(map(_cell, line)) + " |" for line in lines)]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
