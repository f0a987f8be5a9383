"""Tables of the runs of `benchmarks.ablations`: a line a row of the papers' ablations, and how far each is from the whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.documents import PROTOCOL, Document, course
from benchmarks.tables import spread, table
from cxrreport.evaluation.protocols import protocol

FULL = "full"
# what each row is; tables, figures and equations are DiffRGenNet's
ROWS: Mapping[str, str] = {
    FULL: "the whole network (Table 2; Table A, FAM)",
    "without-difference": "no Feature Difference (Table 2)",
    "without-fam": "plain Transformer cross-attention for FAM (Table 2; Table A, Transformer)",
    "trar": "TRAR for FAM (Table A)",
    "concat": "reports and patches concatenated for FAM (Table A)",
    "mpsa": "REVTAF's Sinkhorn attention for the FAM of the similar branch (REVTAF 3.3)",
    "fcc": "with REVTAF's consistency loss (REVTAF 3.4)",
    "mpsa-fcc": "REVTAF's Sinkhorn attention and consistency loss (REVTAF 3.3, 3.4)",
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
COLUMNS = {
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
_ALIKE = (
    "Each row is the whole network but for what is said of it, trained alike. Tables, figures and equations named are those "
    "of the DiffRGenNet paper, whose own figures are of MIMIC-CXR and an encoder trained along."
)
Row = tuple[str, str]  # name, and what it is
Scores = dict[int, dict[str, float]]  # of one row by seed


def said_of(runs: Sequence[Document]) -> dict[str, str]:
    """The protocols of the runs, each in a sentence."""
    return {name: protocol(name, ()).says for name in dict.fromkeys(r.get("protocol", PROTOCOL) for r in runs)}


def ablation_sections(runs: Sequence[Document]) -> list[str]:
    """A section for all runs of the same settings, test before validation."""
    courses = list(dict.fromkeys(map(course, runs)))
    parts: list[str] = []
    for number, alike in enumerate(courses, start=1):
        which = f", setting {number} of {len(courses)}" if len(courses) > 1 else ""
        parts += ["", f"## Ablations, encoder frozen{which}", "", _ALIKE]
        parts += _section([r for r in runs if course(r) == alike])
    return parts


def _section(runs: Sequence[Document]) -> list[str]:
    parts: list[str] = []
    if test := _scores([(r, r["test"]) for r in runs if "test" in r]):
        how = f"beams {runs[0]['settings']['beams']}; epoch and thresholds of each run were chosen on validation"
        parts += _tables("Test", _caption("test", how, [r for r in runs if "test" in r], test), test)
    best = _scores([(r, r["validation"][r["best_epoch"] - 1]) for r in runs])
    how = "beams 1; epoch and thresholds of each run were chosen on these very studies, which flatters the scores"
    return parts + _tables("Validation, best epoch", _caption("val", how, runs, best), best)


def _scores(scored: Sequence[tuple[Document, dict[str, float]]]) -> dict[Row, Scores]:
    """By row, in the order of `ROWS`, and seed."""
    order = {name: place for place, name in enumerate(ROWS)}
    found: dict[Row, Scores] = {}
    for run, scores in sorted(scored, key=lambda pair: (order.get(pair[0]["name"], len(order)), pair[0]["seed"])):
        found.setdefault((run["name"], _meaning(run)), {})[run["seed"]] = scores
    return found


def _meaning(run: Document) -> str:
    """What a row is. The rows of one metric exist with and without the content path: only the flag tells them apart."""
    return ROWS.get(run["name"], "-") + ("" if run["flags"].get("diff_content", True) else ", without its content path")


def _tables(title: str, caption: str, scores: dict[Row, Scores]) -> list[str]:
    """The scores of a split, and how far each row is from `full`."""
    columns = ["row", "what it is", "seeds", *COLUMNS.values()]
    parts = table(title, caption, columns, [[*row, *_cells(found)] for row, found in scores.items()])
    full = next((found for (name, _), found in scores.items() if name == FULL), None)
    others = {row: found for row, found in scores.items() if row[0] != FULL}
    if full is not None and others:
        said = (
            f"{caption} Row minus `{FULL}` of the same seed, mean ± standard deviation of these differences. What is not "
            "larger than the spread of the seeds says nothing; one seed shows no spread."
        )
        lines = [[*row, *_cells(_difference(found, full), "+")] for row, found in others.items()]
        parts += table(f"{title}, minus `{FULL}`", said, columns, lines)
    return parts


def _cells(found: Scores, sign: str = "-") -> list[str]:
    columns = [[scores[name] for scores in found.values() if name in scores] for name in COLUMNS]
    cells = [spread(values, name, sign) for name, values in zip(COLUMNS, columns, strict=True)]
    return [", ".join(map(str, found)) or "-", *cells]


def _difference(found: Scores, full: Scores) -> Scores:
    """Of the seeds and columns that both have."""
    seeds = [seed for seed in found if seed in full]
    return {seed: {c: found[seed][c] - full[seed][c] for c in COLUMNS if c in found[seed] and c in full[seed]} for seed in seeds}  # fmt: skip  # noqa: E501


def _caption(split: str, how: str, runs: Sequence[Document], scores: dict[Row, Scores]) -> str:
    """What all runs of the settings have in common. A run does not say its dataset: `benchmarks.ablations` knows one."""
    run = runs[0]
    settings: dict[str, Any] = run["settings"]
    studies, layers = settings["studies"], settings["decoder_layers"]
    seeds = ", ".join(map(str, sorted({seed for found in scores.values() for seed in found})))
    return (
        f"Protocol {run.get('protocol', PROTOCOL)}, iu-xray {split}, {studies[split]} studies, {how}. "
        f"Encoder frozen, its patches cached in {settings['copies']} copies of each of the {studies['train']} train studies "
        f"(the plain one among them); decoder layers {layers or 'as in the weights'}, epochs {settings['epochs']}, batch "
        f"{settings['batch']}, learning rate {settings['lr']}, balance {settings['balance']}, started from weights "
        f"{settings['weights_sha256'][:12]}, seeds {seeds}. Texts as the decoder wrote "
        f"them (`decoder alone`), not mended by the table of findings. {commits(runs)}".rstrip()
    )


def commits(runs: Sequence[Document]) -> str:
    """Which runs are of which commit, "" where all are of one."""
    found: dict[str, list[str]] = {}
    for run in runs:
        found.setdefault(str(run.get("commit") or "unknown")[:12], []).append(f"{run['name']}-{run['seed']}")
    said = "; ".join(f"{commit} ({', '.join(names)})" for commit, names in found.items())
    return f"The code was not the same for all; by commit: {said}." if len(found) > 1 else ""
