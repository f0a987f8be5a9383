"""Write docs/results.md, docs/temporal.md and the subgroups of MODEL_CARD.md from the compact tables in docs/results.

    python -m benchmarks.results [EVALUATION.json... --setting "as it is"]

Evaluations that are named (`cxrreport evaluate --out`, of drafts or of `--films`) are added to the tables first; those of
drafts and one setting are one row, mean ± standard deviation, and the first setting is the system itself.
`benchmarks.ablations` writes `ablations.csv`, and
`benchmarks.temporal --out` the tables of a folder `temporal`: copy them to docs/results.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.arguments import make_parser
from benchmarks.errors import error_rows, errors_section
from benchmarks.films import add_films, add_subgroups, card, films_section
from benchmarks.tables import Row, as_row, by, read_rows, spread, table, write_rows
from benchmarks.temporal_page import temporal_page
from cxrreport.evaluation.protocols import protocol
from cxrreport.evaluation.published import COLUMNS, published_rows

DOCS, CARD = Path(__file__).resolve().parent.parent / "docs", "MODEL_CARD.md"
OURS, PEER, FULL = "cxrreport", "PromptMRG-equivalent", "full"
RUN = ("weights", "protocol")  # what tells evaluations apart
ALIKE = ("dataset", "split", "protocol", "beams", "studies", "bank", "labels", "network")  # what those of a table share
LANGUAGE = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor", "rouge_l", "cider")
CLINICAL = tuple(f"{of}_{kind}" for of in ("example", "micro", "macro") for kind in ("precision", "recall", "f1"))
HONESTY = ("distinct", "copied_share", "hallucination_rate")
KEY = ("bleu_4", "rouge_l", "example_f1", "macro_f1")  # what differences are shown of
SETTING = ("bleu_1", "bleu_4", "meteor", "rouge_l", "example_f1", "micro_f1", "macro_f1", "distinct")
# what each row of the ablations is; tables, figures and equations are DiffRGenNet's
ABLATIONS: Mapping[str, str] = {
    FULL: "the whole network (Table 2; Table A, FAM)",
    "without-difference": "no Feature Difference (Table 2)",
    "without-fam": "plain Transformer cross-attention for FAM (Table 2; Table A, Transformer)",
    "trar": "TRAR for FAM (Table A)",
    "concat": "reports and patches concatenated for FAM (Table A)",
    "mpsa": "REVTAF's Sinkhorn attention for the FAM of the similar branch",
    "fcc": "with REVTAF's consistency loss",
    "mpsa-fcc": "REVTAF's Sinkhorn attention and consistency loss",
    "without-scl": "no contrastive loss SCL (Table 2)",
    "literal-difference": "Feature Difference by all three metrics (Eq. 1 as printed; Table 3)",
    "only-l2": "Feature Difference by L2 distance alone (Table 3)",
    "only-cosine": "Feature Difference by cosine alone (Table 3)",
    "only-dot": "Feature Difference by dot product alone (Table 3)",
    "one-layer": "1 layer of FAM (Figure A)",
    "three-layers": "3 layers of FAM (Figure A)",
    "four-layers": "4 layers of FAM (Figure A)",
    "five-layers": "5 layers of FAM (Figure A)",
    "cyclic-anchor": "windows of FAM anchored cyclically (Eq. 6 as printed)",
    "hard-routing": "the router takes its likeliest window alone when it drafts (an option of TRAR)",
    "promptmrg": "PromptMRG-equivalent: no FAM, no Feature Difference, no SCL, no reports in the classifier",
    "promptmrg-enhanced": "PromptMRG-equivalent whose classifier reads the reports through plain attention",
}
SCORES = {
    "bleu_1": "BLEU-1",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "example_f1": "example F1",
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "states_macro_f1": "macro F1 of the states",
    "mean_auc_15": "mean AUC (≥ 15 positives)",
    "distinct": "distinct",
}
_INTRODUCTION = (
    "Written by `python -m benchmarks.results` from the tables in `docs/results`. `±` is the standard deviation over the "
    "runs; without it there is one run. The rows of a table are scored on the same studies. `-`: not measured."
)
_ABLATIONS = (
    "Each row is the whole network but for what is said of it, trained alike. Tables, figures and equations named are those "
    "of the DiffRGenNet paper, whose own figures are of MIMIC-CXR and an encoder trained along."
)
_MINUS = (
    "Row minus `full` of the same seed, mean ± standard deviation of these differences. What is not larger than the spread "
    "of the seeds says nothing; one seed shows no spread."
)
_PUBLISHED = (
    "Protocol R, iu-xray test (R2Gen's split, 590 studies). Published, not run by us; beams, sizes and seeds as the sources "
    "have them, mostly not told."
)


def results_page(folder: Path) -> str:
    """Text of docs/results.md from the tables of a folder."""
    names = ("evaluations", "scores", "differences", "findings", "ablations")
    runs, scores, differences, findings, ablations = (read_rows(folder / f"{name}.csv") for name in names)
    notes = [f"Protocol {name}: {protocol(name, ()).says}." for (name,) in by(runs, "protocol")]
    notes += [f"METEOR: {said}." for (said,) in by(runs, "meteor")] + [note for (note,) in by(runs, "note") if note]
    if bare := len(runs) - sum(row["row"] == PEER for row in scores):
        notes.append(
            f"The row `{PEER}` is missing from {bare} of {len(runs)} evaluation(s): `cxrreport evaluate` was not given "
            f'weights of the ablation `promptmrg` as `--beside "{PEER}=DIR"`.'
        )
    parts = ["# Results", "", _INTRODUCTION, "", *(f"* {note}" for note in notes), *errors_section(folder)]
    parts += films_section(folder)
    for alike in by(runs, *ALIKE).values():
        parts += _section(alike, scores, differences, findings)
    parts += ablation_tables(ablations)
    lines = [[str(r["model"]), *(spread(["" if r[c] is None else r[c]]) for c in COLUMNS), str(r["source"])] for r in published_rows()]  # fmt: skip  # noqa: E501
    parts += ["", "## Published systems", *table("Language", _PUBLISHED, ["model", *COLUMNS, "source"], lines)]
    return "\n".join(parts) + "\n"


def _section(runs: list[Row], scores: list[Row], differences: list[Row], findings: list[Row]) -> list[str]:
    """All tables of evaluations that are alike."""
    first, settings = runs[0], by(runs, "setting")
    main = settings[(first["setting"],)]
    title = "## {dataset} {split}, protocol {protocol}, beams {beams}, {studies} studies".format(**first)
    caption, parts, rows = _caption(main), ["", title], by(_of(main, scores), "row")
    for name, columns in (("Language", LANGUAGE), ("Clinical content", CLINICAL), ("What texts are made of", HONESTY)):
        lines = [[row, *(spread((r[c] for r in found), c) for c in columns)] for (row,), found in rows.items()]
        parts += table(name, caption, ["row", *columns], lines)
    bounds = f"{caption} In brackets the lowest and highest bound of the paired 95 % bootstrap intervals of the runs."
    lines = [
        [row, *(_difference(found, c) for c in KEY)] for (row,), found in by(_of(main, differences), "row").items()
    ]
    parts += table("Ours minus the others", bounds, ["row", *KEY], lines)
    parts += _finding_tables(main, _of(main, findings), caption, [row for (row,) in rows])
    if len(settings) > 1:
        lines = [_setting(name, alike, _of(alike, scores)) for (name,), alike in settings.items()]
        parts += table("Other settings", _caption(runs), ["setting", "runs", *SETTING, "mean_auc_15"], lines)
    return parts


def _of(runs: list[Row], rows: list[Row]) -> list[Row]:
    """Rows of these evaluations, in their order."""
    groups = by(rows, *RUN)
    return [row for run in runs for row in groups[tuple(run[name] for name in RUN)]]


def _caption(runs: list[Row]) -> str:
    """One line above a table: protocol, split, beams, sizes, seeds."""
    said = (
        "Protocol {protocol}, {dataset} {split}, {studies} studies, bank of {bank} train reports, network {network}, "
        "beams {beams}, labels {labels}"
    )
    seeds = ", ".join(run["seed"] for run in runs)
    return f"{said.format(**runs[0])}, {len(runs)} run(s), seeds {seeds}."


def _difference(found: list[Row], name: str) -> str:
    low, high = min(float(row[f"{name}_low"]) for row in found), max(float(row[f"{name}_high"]) for row in found)
    return f"{mean(float(row[name]) for row in found):+.3f} [{low:+.3f}, {high:+.3f}]"


def _finding_tables(runs: list[Row], found: list[Row], caption: str, rows: list[str]) -> list[str]:
    """Areas of the network and F1 of the texts, finding by finding."""
    groups = {name: group for (name,), group in by(found, "row").items()}
    names = [name for name in found[0] if name not in (*RUN, "row")]
    lines = [
        [f, groups["positives"][0][f], *(spread(r[f] for r in groups[row]) for row in ["AUC", *rows])] for f in names
    ]
    means = {"mean over all": "mean_auc", "mean over findings with 15 positives": "mean_auc_15"}
    areas = [[said, "", spread(run[name] for run in runs)] for said, name in means.items()]
    parts = table("Findings of the network, AUC", caption, ["finding", "positives", "AUC"], [*areas, *(line[:3] for line in lines)])  # fmt: skip  # noqa: E501
    texts = [[*line[:2], *line[3:]] for line in lines]
    return parts + table("F1 of the texts by finding", caption, ["finding", "positives", *rows], texts)


def _setting(name: str, runs: list[Row], scores: list[Row]) -> list[str]:
    ours = [row for row in scores if row["row"] == OURS]
    cells = [spread((row[c] for row in ours), c) for c in SETTING]
    return [name, str(len(runs)), *cells, spread(run["mean_auc_15"] for run in runs)]


def ablation_tables(rows: list[Row]) -> list[str]:
    """Scores of each row of the ablations, test before validation, and how far each is from `full`."""
    order = list(ABLATIONS)
    rows = sorted(rows, key=lambda r: (order.index(r["name"]), int(r["seed"])))
    parts = ["", "## Ablations, encoder frozen", "", _ABLATIONS]
    for split, title in (("test", "Test"), ("val", "Validation, best epoch")):
        found = [row for row in rows if row["split"] == split]
        if found:
            parts += _ablation_split(title, _ablation_caption(found), found)
    return parts


def _ablation_split(title: str, caption: str, rows: list[Row]) -> list[str]:
    columns, groups = ["row", "what it is", "seeds", *SCORES.values()], by(rows, "name", "content_path")
    full = {row["seed"]: row for row in rows if row["name"] == FULL}
    lines, differences = [], []
    for (name, content), found in groups.items():
        head = [name, ABLATIONS[name] + ("" if content == "True" else ", without its content path")]
        lines.append([*head, _seeds(found), *(spread((r[c] for r in found), c) for c in SCORES)])
        paired = [row for row in found if row["seed"] in full]
        cells = [spread((float(r[c]) - float(full[r["seed"]][c]) for r in paired if r[c]), c, "+") for c in SCORES]
        differences += [[*head, _seeds(paired) or "-", *cells]] if name != FULL else []
    parts = table(title, caption, columns, lines)
    return parts + (table(f"{title}, minus `{FULL}`", f"{caption} {_MINUS}", columns, differences) if full else [])


def _seeds(rows: list[Row]) -> str:
    return ", ".join(row["seed"] for row in rows)


def _ablation_caption(rows: list[Row]) -> str:
    seeds = ", ".join(sorted({row["seed"] for row in rows}, key=int))
    how = {
        "test": "beams {beams}; epoch and thresholds of each run were chosen on validation",
        "val": "beams 1; epoch and thresholds of each run were chosen on these very studies, which flatters the scores",
    }[rows[0]["split"]]
    said = (
        f"Protocol C, iu-xray {{split}}, {{studies}} studies, {how}. Encoder frozen, its patches cached in {{copies}} copies "
        "of each of the {train} train studies (the plain one among them); decoder layers {decoder_layers}, epochs {epochs}, "
        f"batch {{batch}}, learning rate {{lr}}, balance {{balance}}, started from weights {{weights}}, seeds {seeds}. Texts "
        "as the decoder wrote them (`decoder alone`), not mended by the table of findings."
    )
    commits = [commit for (commit,) in by(rows, "commit")]
    differing = f" The code was not the same for all: commits {', '.join(commits)}." if len(commits) > 1 else ""
    return said.format(**rows[0]) + differing


def add(folder: Path, setting: str, document: Mapping[str, Any]) -> None:
    """Append an evaluation to the tables of a folder."""
    weights, states = document["weights"], document["states"]
    run = {"weights": document["weights_sha256"][:12], "protocol": document["protocol"]}
    facts = {name: document[name] for name in (*ALIKE[:-1], "meteor")}
    means = {name: states.get(name) for name in ("mean_auc", "mean_auc_15")}
    note = " ".join(document["notes"])
    findings = {"positives": document["positives"], "AUC": {f: states.get(f"auc {f}") for f in document["positives"]}}
    findings |= {row: {f: s["f1"] for f, s in scores.items()} for row, scores in document["findings"].items()}
    columns = (*LANGUAGE, *CLINICAL, *HONESTY)
    rows: dict[str, list[dict[str, Any]]] = {
        "evaluations": [
            {"setting": setting, "seed": weights["seed"], "network": weights["config"], **facts, **means, "note": note}
        ],
        "scores": [{"row": name, **{c: row.get(c) for c in columns}} for name, row in document["rows"].items()],
        "differences": [{"row": name, **_bounds(row)} for name, row in document["differences"].items()],
        "findings": [{"row": name, **row} for name, row in findings.items()],
        "errors": [{"setting": setting, **facts, **row} for row in error_rows(document)],
    }
    for name, new in rows.items():
        path = folder / f"{name}.csv"
        write_rows(path, (read_rows(path) if path.exists() else []) + [as_row({**run, **row}) for row in new])
    subgroups = {"collection": document["dataset"], "split": document["split"], "count": document["studies"]}
    add_subgroups(folder, setting, document, subgroups)


def _bounds(row: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    kinds = {"": "difference", "_low": "low", "_high": "high"}
    return {f"{name}{end}": row[name][kind] for name in KEY for end, kind in kinds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Add what is named, and write both pages."""
    parser = make_parser(__doc__)
    parser.add_argument("evaluations", type=Path, nargs="*", help="files of `cxrreport evaluate --out`")
    parser.add_argument("--setting", default="as it is", help="what the evaluations are called in tables of settings")
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the pages and of `results`")
    options = parser.parse_args(arguments)
    tables = options.docs / "results"
    for file in options.evaluations:
        document = json.loads(file.read_text(encoding="utf-8"))
        (add_films if "films" in document else add)(tables, options.setting, document)
    (options.docs / "results.md").write_text(results_page(tables), encoding="utf-8")
    (options.docs / "temporal.md").write_text(temporal_page(tables / "temporal"), encoding="utf-8")
    if (model_card := options.docs.parent / CARD).exists():
        model_card.write_text(card(model_card.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
