"""The headline of docs/results.md: errors that would change what is done, per report, and faults per 100 drafts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.tables import Row, by, read_rows, table
from cxrreport.evaluation.judging import HEADLINE
from cxrreport.findings import Tier, findings_of

FAULTS = {
    "unlicensed_per_100": "unlicensed claims",
    "contradictions_per_100": "contradictions",
    "invented_comparisons_per_100": "invented comparisons",
    "wrong_negatives_per_100": "wrong denials",
    "missed_positives_per_100": "known and not told",
    "broken_per_100": "broken sentences",
}
VERDICTS = ("wrong", "missed", "invented")
ALIKE = ("dataset", "split", "studies", "weights")
SAYS = """Each draft and the signed report (findings and impression) are read by the same rules and matched finding by
finding: correct, partial (a side, a severity, a change or a certainty is missing, or a more general name is used), wrong (the
opposite is said: present for absent, left for right, mild for severe, better for worse), missed, or invented (the report is
silent). Each verdict has the tier of what the report says, of what the draft says where the report says nothing, and of the
more urgent of both where they differ. **An error counts here if it is wrong, missed or invented and its tier is not
routine**: somebody would have had to act, or acts in vain. What is partial points at the right finding, and a reader who
looks there sees the rest; what is routine (degenerative change, scarring, a device, atelectasis) changes nothing today.

The tiers are the categories of the ACR's work group on actionable reporting (Larson et al., J Am Coll Radiol 2014):
action within minutes, hours, days, or none. Mild or minimal findings wait one step longer, severe ones come one step sooner.

{tiers}

A hedge ("possible pneumonia") claims that the finding is there: beside an assertion it is partial, beside a denial or silence
an error, or a draft could hedge everything unpunished. A denial that the report does not contradict is no error. An opacity
that the report explains ("opacity, likely atelectasis") is judged as what explains it. A missed finding weighs as much as a
denied one: no draft at all ("no text") has all errors of omission and none of commission, and a draft that is to help must
have fewer. The rules read IU's reports as anybody's, and where they misread one, a right draft has an error: the differences
between rows say more than the level.

Faults are counted per 100 drafts, of the text alone beside the table of findings of its own network: claims that the table
does not bear out, contradictions within a draft, comparisons of a study without a prior, denials of what the report asserts,
findings that report and table assert and the text does not tell, sentences without a verb or with a hole."""


def error_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of errors.csv from an evaluation: the score with its interval, what it is made of, faults."""
    rows = []
    for name, row in document["rows"].items():
        low, high = document["intervals"][name][HEADLINE]
        tiers = document["mistakes"][name]["tiers"]
        counted = {v: sum(n for t, n in tiers.get(v, {}).items() if t != "routine") for v in VERDICTS}
        shown = {**{v: n / document["studies"] for v, n in counted.items()}, **{fault: row[fault] for fault in FAULTS}}
        rows.append({"row": name, HEADLINE: row[HEADLINE], "low": low, "high": high, **shown})
    return rows


def errors_section(folder: Path) -> list[str]:
    """Lines of the section; none where nothing was measured."""
    path = folder / "errors.csv"
    if not path.exists():
        return []
    tiers = "\n".join(
        f"* {tier.name.lower()}: {', '.join(findings_of(tier))}." for tier in Tier if tier is not Tier.ROUTINE
    )
    lines = ["", "## Errors that would change what is done", "", SAYS.format(tiers=tiers)]
    for (dataset, split, studies, weights), rows in by(read_rows(path), *ALIKE).items():
        labels = ", ".join(name for (name,) in by(rows, "labels"))
        caption = f"{dataset} {split}, {studies} studies, weights {weights}, labels {labels}; 95 % bootstrap interval."
        columns = ["drafts", "row", "errors per report", "interval", *VERDICTS]
        lines += table(f"Errors per report: {dataset} {split}", caption, columns, [_errors(row) for row in rows])
        faults = [[row["setting"], row["row"], *(f"{float(row[fault]):.1f}" for fault in FAULTS)] for row in rows]
        lines += table(
            f"Faults per 100 drafts: {dataset} {split}", caption, ["drafts", "row", *FAULTS.values()], faults
        )
    return lines


def _errors(row: Row) -> list[str]:
    interval = f"{float(row['low']):.3f} to {float(row['high']):.3f}"
    return [
        row["setting"],
        row["row"],
        f"{float(row[HEADLINE]):.3f}",
        interval,
        *(f"{float(row[v]):.3f}" for v in VERDICTS),
    ]
