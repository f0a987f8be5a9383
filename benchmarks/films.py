"""Tables of labelled films without reports, and of subgroups, in docs/results.md and MODEL_CARD.md."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import Row, as_row, by, read_rows, spread, table, write_rows

FOLDER = "films"
ALIKE = ("collection", "split", "count", "weights", "setting")
BOUNDS = ("low", "high")
SCORES = ("auc", "auc_of_scores", "ece", "brier", "sensitivity", "specificity", "precision")
COUNTS = ("films", "positives", "called", "denied", "wrong_denials")
EXPERTS = ("auc", "sensitivity", "precision", "labels_sensitivity", "labels_precision")
SHARES = ("mean_auc", "false_alarms", "missed")
CARD_BEGIN, CARD_END = "<!-- subgroups: written by benchmarks.results -->\n", "<!-- end of subgroups -->\n"
SAYS = """What the table of findings of a draft would say of films that have labels and no report, as `cxrreport evaluate
--films` prints it; [evaluation.md](evaluation.md) tells what each column counts. In brackets 95 % bootstrap intervals over
patients."""


def add_films(folder: Path, setting: str, document: Mapping[str, Any]) -> None:
    """Append an evaluation of films to the tables of a folder."""
    facts = {"collection": document["films"], "split": document["split"], "count": document["count"],
             "patients": document["patients"], "bank": document["bank"], "note": " ".join(document["notes"])}  # fmt: skip
    mean, alarms = document["mean_auc"], document["false_alarms"]
    heads = [{"row": "mean AUC", "of": ", ".join(mean["findings"]), "films": document["count"], **_bounded(mean, "value")},
             {"row": "mean AUC of the scores", "films": document["count"], "value": mean["of_scores"]}]  # fmt: skip
    heads += [
        {"row": f"false alarms, {view}", "films": row["films"], **_bounded(row, "share")}
        for view, row in alarms.items()
    ]
    follow = document["followups"] or {"rows": {}, "pairs": 0}
    changes = [
        {"change": kind, "row": name, "pairs": follow["pairs"], **row[kind]}
        for kind in ("new", "resolved") for name, row in follow["rows"].items()
    ]  # fmt: skip
    made = {
        "summary": heads,
        "findings": [{"finding": name, **row} for name, row in document["findings"].items()],
        "followups": changes,
        "experts": [{"label": name, **row} for name, row in document["experts"].items()],
    }
    for name, rows in made.items():
        _append(folder / FOLDER / f"{name}.csv", _run(document, setting) | facts, rows)
    add_subgroups(folder, setting, document, facts)


def add_subgroups(folder: Path, setting: str, document: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Append the subgroups of an evaluation of films or of drafts; facts: collection, split and count."""
    shown = {name: facts[name] for name in ("collection", "split", "count")}
    _append(folder / FOLDER / "subgroups.csv", _run(document, setting) | shown, list(_groups(document["subgroups"])))


def _groups(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        area, alarms, missed = (row[name] for name in SHARES)
        yield {
            "by": row["by"], "group": row["group"], "films": row["films"], "findings": len(area["findings"]),
            "normal": alarms["films"], "positives": missed["positives"], **_bounded(area, "value", "mean_auc"),
            **_bounded(alarms, "share", "false_alarms"), **_bounded(missed, "share", "missed"),
        }  # fmt: skip


def _bounded(row: Mapping[str, Any], value: str, name: str = "") -> dict[str, Any]:
    """A value with its interval, under a name of its own."""
    if not name:
        return {"value": row[value], **{bound: row[bound] for bound in BOUNDS}}
    return {name: row[value], **{f"{name}_{bound}": row[bound] for bound in BOUNDS}}


def _run(document: Mapping[str, Any], setting: str) -> dict[str, Any]:
    return {"weights": document["weights_sha256"][:12], "setting": setting}


def _append(path: Path, run: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    write_rows(path, (read_rows(path) if path.exists() else []) + [as_row({**run, **row}) for row in rows])


# -- pages ------------------------------------------------------------------------------------------------------------


def films_section(folder: Path) -> list[str]:
    """Lines of the section; none where nothing was measured."""
    places = {name: folder / FOLDER / f"{name}.csv" for name in _PAGES}
    found = {name: by(read_rows(path), *ALIKE) for name, path in places.items() if path.exists()}
    if not found:
        return []
    lines = ["", "## Films without reports, and subgroups", "", SAYS]
    for alike in dict.fromkeys(alike for tables in found.values() for alike in tables):
        facts = dict(zip(ALIKE, alike, strict=True))
        caption = "{collection} {split}, {count} films or studies, weights {weights}.".format(**facts)
        title = "{collection} {split}, {setting}".format(**facts)
        tables = {name: rows[alike] for name, rows in found.items() if rows.get(alike)}
        notes = dict.fromkeys(row["note"] for rows in tables.values() for row in rows if row.get("note"))
        lines += [line for note in notes for line in ("", f"Of {title}: {note}")]
        for name, rows in tables.items():
            lines += _PAGES[name](title, caption, rows)
    return lines


def _summary(title: str, caption: str, rows: Sequence[Row]) -> list[str]:
    return table(
        f"Films as a whole: {title}", caption, ["", "films", "value", "of"],
        [[row["row"], row["films"], _interval(row, "value", "low", "high"), row["of"]] for row in rows],
    )  # fmt: skip


def _findings(title: str, caption: str, rows: Sequence[Row]) -> list[str]:
    columns = [name.replace("_", " ") for name in (*COUNTS, *SCORES)]
    cells = [[row["finding"], *(row[c] for c in COUNTS), *(spread([row[c]]) for c in SCORES)] for row in rows]
    return table(f"Films by finding: {title}", caption, ["finding", *columns], cells)


def _followups(title: str, caption: str, rows: Sequence[Row]) -> list[str]:
    cells = [
        [row["change"], row["row"], _interval(row, "f1", "low", "high"), row["true"], row["said"], row["right"]]
        for row in rows
    ]
    said = f"{rows[0]['pairs']} follow-ups; micro F1. {caption}"
    return table(f"New and resolved: {title}", said, ["change", "by", "F1", "there", "said", "right"], cells)


def _experts(title: str, caption: str, rows: Sequence[Row]) -> list[str]:
    columns = ["label", "films", "positives", *(name.replace("_", " ") for name in EXPERTS)]
    cells = [
        [row["label"].replace("_", " "), row["films"], row["positives"], *(spread([row[c]]) for c in EXPERTS)]
        for row in rows
    ]
    return table(f"Beside radiologists: {title}", caption, columns, cells)


def _subgroups(title: str, caption: str, rows: Sequence[Row]) -> list[str]:
    return table(f"Subgroups: {title}", caption, _GROUP_COLUMNS, [_group(row) for row in rows])


_GROUP_COLUMNS = ["by", "group", "films", "mean AUC", "findings", "normal", "false alarms", "positives", "missed"]
_PAGES = {
    "summary": _summary, "findings": _findings, "followups": _followups, "experts": _experts, "subgroups": _subgroups,
}  # fmt: skip


def _group(row: Row) -> list[str]:
    area, alarms, missed = (_interval(row, name, f"{name}_low", f"{name}_high") for name in SHARES)
    facts = [row["by"], row["group"], row["films"], area]
    return [*facts, row["findings"], row["normal"], alarms, row["positives"], missed]


def _interval(row: Row, value: str, low: str, high: str) -> str:
    if not row[value]:
        return "-"
    shown = f"{float(row[value]):.3f}"
    return f"{shown} ({float(row[low]):.3f} to {float(row[high]):.3f})" if row.get(low) else shown


def card(text: str, folder: Path) -> str:
    """The model card with the subgroups of the weights that were measured last."""
    path = folder / FOLDER / "subgroups.csv"
    if CARD_BEGIN not in text or not path.exists():
        return text
    rows = read_rows(path)
    last = [row for row in rows if row["weights"] == rows[-1]["weights"]]
    before, _, rest = text.partition(CARD_BEGIN)
    lines = []
    for alike in by(last, *ALIKE).values():
        caption = "{count} films or studies, weights {weights}.".format(**alike[0])
        lines += _subgroups("{collection} {split}".format(**alike[0]), caption, alike)
    return before + CARD_BEGIN + "\n".join(lines) + "\n\n" + CARD_END + rest.partition(CARD_END)[2]
