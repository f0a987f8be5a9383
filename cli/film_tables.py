"""Tables of `cxrreport evaluate --films`."""

from __future__ import annotations

from typing import Any

import click
from cxrreport.cli.options import print_left_out

_COUNTS = ("films", "positives", "called", "denied", "wrong_denials")
_SCORES = ("auc", "auc_of_scores", "ece", "brier", "sensitivity", "specificity", "precision")
_EXPERTS = ("auc", "sensitivity", "precision", "labels_sensitivity", "labels_precision")


def print_films(found: dict[str, Any]) -> None:
    """All tables for a person."""
    from cxrreport.cli.status import print_table

    where = "{films} {split}, {count} films, {patients} patients".format(**found)
    _print_findings(found, where)
    alarms = [[view.upper(), str(row["films"]), _interval(row)] for view, row in found["false_alarms"].items()]
    print_table(f"Pathology called on films without a finding: {where}", ["view", "films", "share"], alarms)
    print_subgroups(found["subgroups"], where)
    if found["followups"]:
        _print_follow_ups(found["followups"], f"{found['films']} {found['split']}")
    if found["experts"]:
        _print_experts(found["experts"], where)
    print_left_out(found["skipped"])
    for note in found["notes"]:
        click.echo(note)


def _print_findings(found: dict[str, Any], where: str) -> None:
    """A line a finding, and their mean."""
    from cxrreport.cli.status import print_table

    rows = [
        [name, *(str(row[c]) for c in _COUNTS), *(_number(row[c]) for c in _SCORES)]
        for name, row in found["findings"].items()
    ]
    print_table(f"Findings: {where}", ["finding", *map(_spaced, (*_COUNTS, *_SCORES))], rows)
    mean = found["mean_auc"]
    click.echo(
        f"Mean AUC {_interval(mean, 'value')}, of the scores {_number(mean['of_scores'])}, over {len(mean['findings'])}"
        f" findings: {', '.join(mean['findings']) or 'none has films enough'}."
    )


def _print_experts(found: dict[str, Any], where: str) -> None:
    from cxrreport.cli.status import print_table

    rows = [
        [_spaced(name), str(row["films"]), str(row["positives"]), *(_number(row[c]) for c in _EXPERTS)]
        for name, row in found.items()
    ]
    print_table(f"Beside radiologists: {where}", ["label", "films", "positives", *map(_spaced, _EXPERTS)], rows)


def print_subgroups(rows: list[dict[str, Any]], where: str) -> None:
    """A line a group."""
    from cxrreport.cli.status import print_table

    columns = ["by", "group", "films", "mean AUC", "findings", "normal", "false alarms", "positives", "missed"]
    lines = [
        [
            row["by"], row["group"], str(row["films"]), _interval(row["mean_auc"], "value"),
            str(len(row["mean_auc"]["findings"])), str(row["false_alarms"]["films"]), _interval(row["false_alarms"]),
            str(row["missed"]["positives"]), _interval(row["missed"]),
        ]
        for row in rows
    ]  # fmt: skip
    print_table(f"Subgroups: {where}", columns, lines)


def _print_follow_ups(found: dict[str, Any], where: str) -> None:
    from cxrreport.cli.status import print_table

    title = f"New and resolved, micro F1: {where}, {found['pairs']} follow-ups, {found['patients']} patients"
    rows = [
        [kind, name, _interval(row[kind], "f1"), *(str(row[kind][n]) for n in ("true", "said", "right"))]
        for kind in ("new", "resolved")
        for name, row in found["rows"].items()
    ]
    print_table(title, ["change", "by", "F1", "there", "said", "right"], rows)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _interval(row: dict[str, Any], value: str = "share") -> str:
    if row[value] is None:
        return "-"
    return f"{row[value]:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
