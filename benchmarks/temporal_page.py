"""docs/temporal.md from the tables that `benchmarks.temporal --out` writes."""

from pathlib import Path

from benchmarks.tables import by, read_rows, spread, table
from cxrreport.evaluation.temporal import CLASSES

_TEMPORAL = """# What changed since the prior: measured

Weights `{}`, as `python -m benchmarks.temporal` prints it. Three kinds of pairs that nothing was trained or chosen on:
procedural films ("phantom"), films of IU X-Ray's test split into which lesions were put ("inserted"), and real follow-ups
("nih": the held-out fifth of NIH ChestX-ray14's patients in the directory of `--followups`, whose text-mined labels tell what
is new or resolved; "covid": films of the covid-chestxray-dataset with what clinical notes tell). F1 counts every finding of
every pair whose truth is known; a change that is said of a finding which is in neither film counts as wrong. All of it is
what the network says of the pair; the table of a draft tells less, see "In the table of a draft" of docs/comparison.md.
"macro" is the mean over the five changes that occur, "both" that of worsened, unchanged and improved over the findings that
are in both films in truth. The majority says absent, and unchanged of what it is told to be in both films."""
CHANGES = ("macro", "both", *CLASSES[:-1])
TEMPORAL = {  # file: title and caption of its tables
    "changes": ("Changes", "{pairs} pairs; F1."),
    "places": (
        "Places",
        "Of findings that changed in truth: pointing game of the map, share of which a change is said, overlap of the regions "
        "that are stored then with the true ones.",
    ),
    "texts": (
        "Texts",
        "Drafts against the reports that were written from the truth, of the pairs that have one: share of the changes that "
        "the text tells rightly, sentences that compare in each draft and the share of them that is true, share of the "
        "findings whose side is right where the text names one, and sentences that the prior's report (the other patient's "
        "in the last row) has word for word. No report reaches these tables. The sentence of comparison, which is written from "
        "the table beside the text, is not counted.",
    ),
    "order": ("Order", "Pairs read in either order: share of the changes of which the opposite is then said."),
    "still": ("Still", "Share of pairs, and of findings, of which a change is said though nothing has changed."),
    "invariance": (
        "What a prior may not move",
        "Films of NIH's held-out patients, whom nothing was fitted to, beside priors that tell of no "
        "change: share of the states and of the probabilities of the table that are others than those of the film alone.",
    ),
    "evidence": (
        "Evidence",
        "Where the network sees a finding, of films of NIH's held-out patients where no split is named, against radiologists' "
        "boxes: share of films whose highest point lies in a box, overlap of the regions that are stored with the boxes, and "
        "the boxes' share of the film, which is what pointing anywhere hits.",
    ),
    "wrong": ("Another patient's prior", "Priors of other patients, of the real films where there are some."),
}


def temporal_page(folder: Path) -> str:
    """Text of docs/temporal.md from the tables of a folder."""
    found = {name: read_rows(folder / f"{name}.csv") for name in TEMPORAL if (folder / f"{name}.csv").exists()}
    lines = [_TEMPORAL.format(found["changes"][0]["weights"])] if "changes" in found else []
    for name, rows in found.items():
        title, caption = TEMPORAL[name]
        for (kind,), own in by(rows, "of").items():
            columns = [c for c in own[0] if c not in ("weights", "of", "row")]
            shown = CHANGES if name == "changes" else columns
            cells = [[row["row"], *(spread([row.get(c, "")]) for c in shown)] for row in own]
            lines += table(f"{title}: {kind}" if kind else title, caption.format(**own[0]), ["", *shown], cells)
    return "\n".join(lines) + "\n"
