"""Published language scores of other systems on the test studies of IU X-Ray in R2Gen's split. Not run by us."""

from __future__ import annotations

import csv
from importlib.resources import files

COLUMNS = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l")


def published_rows() -> list[dict[str, str | float | None]]:
    """Model, scores (0..1, None where the source gives none) and source of each row.

    Most sources are second-hand: tables that later systems print. The rows of users' own runs say so.
    """
    lines = files("cxrreport.evaluation").joinpath("published.csv").read_text(encoding="utf-8").splitlines()
    return [
        {"model": row["model"], **{c: float(row[c]) if row[c] else None for c in COLUMNS}, "source": row["source"]}
        for row in csv.DictReader(lines)
    ]
