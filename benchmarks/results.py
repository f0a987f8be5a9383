"""Tables of docs/results.md from the files that `cxrreport evaluate --out` and `benchmarks.ablations` wrote.

    python -m benchmarks.results RUN_DIR... > docs/results.md

Each argument is such a file, or a directory whose files are looked for at any depth. Evaluations of one configuration that
differ in their seed are one row, mean ± standard deviation. The first evaluation's configuration is the system itself; the
others are its ablations, named by what differs in their configuration (or else in their command). Runs of the ablations have
tables of their own (see `benchmarks.ablation_tables`). How many other files were passed over is told on stderr.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.ablation_tables import ablation_sections, said_of
from benchmarks.configurations import Configuration, configuration, differences
from benchmarks.documents import Document, Found, ResultsError, Setting, load, setting
from benchmarks.tables import spread, table

OURS = "cxrreport"
_LONGEST = 120  # characters of a setting's name
LANGUAGE = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider")
CLINICAL = ("example_precision", "example_recall", "example_f1", "micro_precision", "micro_recall", "micro_f1", "macro_precision", "macro_recall", "macro_f1")  # fmt: skip  # noqa: E501
PEER = "PromptMRG-equivalent"  # as `--beside` names it
HONESTY = ("distinct", "copied_share", "hallucination_rate")
KEY = ("bleu_4", "rouge_l", "example_f1", "macro_f1")  # what differences are shown of
ABLATION = ("bleu_1", "bleu_4", "meteor", "rouge_l", "example_f1", "micro_f1", "macro_f1", "distinct")


def render(found: Found) -> str:
    """The whole page."""
    documents = found.evaluations
    parts = ["# Results", "", _introduction(found)]
    for where in dict.fromkeys(map(setting, documents)):
        parts += section(where, [d for d in documents if setting(d) == where], configuration(documents[0]))
    parts += ablation_sections(found.ablations)
    if published := next((d["published"] for d in documents if d["published"]), None):
        parts += publications(published)
    return "\n".join(parts) + "\n"


def _introduction(found: Found) -> str:
    documents = found.evaluations
    says = {d["protocol"]: d["protocol_says"] for d in documents} | said_of(found.ablations)
    notes = dict.fromkeys(note for d in documents for note in d["notes"])
    meteor = dict.fromkeys(d["meteor"] for d in documents)
    lines = [
        "Written by `python -m benchmarks.results` from the files of `cxrreport evaluate --out` and `benchmarks.ablations`. "
        "`±` is the standard deviation over the runs; without it there is one run. The rows of a table are scored on the same "
        "studies. `-`: not measured.",
        "",
        *(f"* Protocol {name}: {text}." for name, text in says.items()),
        *(f"* METEOR: {text}." for text in meteor),
        *(f"* {note}" for note in notes),
    ]
    if bare := sum(PEER not in d["rows"] for d in documents):
        lines.append(
            f"* The row `{PEER}` is missing from {bare} of {len(documents)} evaluation(s): `cxrreport evaluate` was not given "
            f'weights of the ablation `promptmrg` as `--beside "{PEER}=DIR"`.'
        )
    return "\n".join(lines)


def section(where: Setting, documents: Sequence[Document], system: Configuration) -> list[str]:
    """All tables of one setting."""
    groups: dict[Configuration, list[Document]] = {}
    for document in documents:
        groups.setdefault(configuration(document), []).append(document)
    first = system if system in groups else next(iter(groups))
    main = groups[first]
    parts = [
        "",
        f"## {where.dataset} {where.split}, protocol {where.protocol}, beams {where.beams}, {where.studies} studies",
    ]
    caption = where.caption(main)
    rows = list(dict.fromkeys(name for d in main for name in d["rows"]))
    for title, columns in (("Language", LANGUAGE), ("Clinical content", CLINICAL), ("What texts are made of", HONESTY)):
        lines = [[name, *(spread(_scores(main, name, c), c) for c in columns)] for name in rows]
        parts += table(title, caption, ["row", *columns], lines)
    parts += table("Ours minus the others", f"{caption} In brackets the lowest and highest bound of the paired 95 % bootstrap intervals of the runs.", ["row", *KEY], _differences(main))  # fmt: skip  # noqa: E501
    parts += table("Findings of the network, AUC", caption, ["finding", "positives", "AUC"], _areas(main))
    parts += table("F1 of the texts by finding", caption, ["finding", "positives", *rows], _findings(main, rows))
    if len(groups) > 1:
        everything = [d for group in groups.values() for d in group]
        parts += table("Other settings", where.caption(everything), ["setting", "runs", *ABLATION, "mean_auc_15"], _ablations(groups, first))  # fmt: skip  # noqa: E501
    return parts


def _scores(documents: Sequence[Document], row: str, name: str) -> list[float]:
    found = (d["rows"].get(row, {}).get(name) for d in documents)
    return [value for value in found if value is not None]


def _differences(documents: Sequence[Document]) -> list[list[str]]:
    names = dict.fromkeys(name for d in documents for name in d["differences"])
    return [[name, *(_difference([d["differences"][name][c] for d in documents if name in d["differences"]]) for c in KEY)] for name in names]  # fmt: skip  # noqa: E501


def _difference(found: Sequence[dict[str, float]]) -> str:
    low, high = min(d["low"] for d in found), max(d["high"] for d in found)
    return f"{mean(d['difference'] for d in found):+.3f} [{low:+.3f}, {high:+.3f}]"


def _areas(documents: Sequence[Document]) -> list[list[str]]:
    positives = documents[0]["positives"]
    names = [("mean over all", "", "mean_auc"), ("mean over findings with 15 positives", "", "mean_auc_15")]
    names += [(finding, str(count), f"auc {finding}") for finding, count in positives.items()]
    return [[said, n, spread([d["states"][name] for d in documents if name in d["states"]])] for said, n, name in names]


def _findings(documents: Sequence[Document], rows: Sequence[str]) -> list[list[str]]:
    positives = documents[0]["positives"]
    lines = []
    for finding, count in positives.items():
        cells = [[d["findings"][row][finding]["f1"] for d in documents if row in d["findings"]] for row in rows]
        lines.append([finding, str(count), *map(spread, cells)])
    return lines


def _ablations(groups: dict[Configuration, list[Document]], first: Configuration) -> list[list[str]]:
    ordered = [first, *(c for c in groups if c != first)]
    names = differences(first, ordered)
    lines = []
    for found, name in zip(ordered, names, strict=True):
        documents = groups[found]
        if len(name) > _LONGEST:  # a whole course of training; its manifest has it
            name = f"weights {documents[0]['weights_sha256'][:12]}, trained otherwise"
        cells = [spread(_scores(documents, OURS, column), column) for column in ABLATION]
        areas = [d["states"]["mean_auc_15"] for d in documents if "mean_auc_15" in d["states"]]
        lines.append([name, str(len(documents)), *cells, spread(areas)])
    return lines


def publications(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Published rows with their sources."""
    columns = LANGUAGE[:6]
    lines = [[r["model"], *("-" if r[c] is None else f"{r[c]:.3f}" for c in columns), r["source"]] for r in rows]
    said = "Protocol R, iu-xray test (R2Gen's split, 590 studies). Published, not run by us; beams, sizes and seeds as the sources have them, mostly not told."  # noqa: E501
    return ["", "## Published systems", *table("Language", said, ["model", *columns, "source"], lines)]


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "runs", type=Path, nargs="+", help="files or directories of evaluations and ablations; the system's own first"
    )
    try:
        found = load(parser.parse_args().runs)
    except ResultsError as error:
        sys.exit(str(error))
    if found.passed:
        names = ", ".join(sorted({file.name for file in found.passed}))
        print(f"{len(found.passed)} JSON file(s) passed over: {names}.", file=sys.stderr)
    print(render(found), end="")


if __name__ == "__main__":
    main()
