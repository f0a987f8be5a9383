"""The page that `benchmarks.temporal` prints."""

from typing import Any

from benchmarks.tables import table
from cxrreport.evaluation.temporal import CLASSES

_HEAD = """# What changed since the prior: measured

Weights `{}`, as `python -m benchmarks.temporal` prints it. Three kinds of pairs that nothing was trained or chosen on:
procedural films ("phantom"), films of IU X-Ray's test split into which lesions were put ("inserted"), and real follow-ups
("nih": the held-out fifth of NIH ChestX-ray14's patients, whose text-mined labels tell what is new or resolved; "covid":
films of the covid-chestxray-dataset with what clinical notes tell). F1 counts every finding of every pair whose truth is
known; a change that is said of a finding which is in neither film counts as wrong. "macro" is the mean over the five changes
that occur, "both" that of worsened, unchanged and improved over the findings that are in both films in truth. The majority
says absent, and unchanged of what it is told to be in both films."""
_PLACES = (
    "Of findings that changed in truth: pointing game of the map, share of which a change is said, overlap of the regions "
    "that are stored then with the true ones."
)
_TEXTS = (
    "Drafts against the reports that were written from the truth, of the pairs that have one: share of the changes that the "
    "text tells rightly, sentences that compare in each draft and the share of them that is true, share of the findings whose "
    "side is right where the text names one, and sentences that the prior's report (the other patient's in the last row) has "
    "word for word. No report reaches the table. The sentence of comparison, which is written from the table beside the text, "
    "is not counted."
)
_CAPTIONS = {
    "order": "Pairs read in either order: share of the changes of which the opposite is then said.",
    "still": "Share of pairs, and of findings, of which a change is said though nothing has changed.",
    "evidence": "Class activation maps of held-out films against radiologists' boxes.",
}


def render(found: dict[str, Any]) -> str:
    """The figures of `benchmarks.temporal` as Markdown."""
    lines = [_HEAD.format(found["weights"][:12])]
    columns = ("macro", "both", *CLASSES[:-1])
    for name, rows in found["changes"].items():
        caption = f"{found['pairs'][name]} pairs; F1."
        cells = [[way, *(f"{f1[c]:.3f}" if c in f1 else "-" for c in columns)] for way, f1 in rows.items()]
        lines += table(f"Changes: {name}", caption, ["", *columns], cells)
    for name, rows in found["places"].items():
        lines += _shares(f"Places: {name}", _PLACES, rows)
    for name, rows in found.get("texts", {}).items():
        lines += _shares(f"Texts: {name}", _TEXTS, rows)
    for title, caption in _CAPTIONS.items():
        lines += _shares(title.capitalize(), caption, found[title]) if title in found else []
    wrong = [[name, f"{value:.3f}"] for name, value in found["wrong patient"].items()]
    lines += table(
        "Another patient's prior",
        "Priors of other patients, of the real films where there are some.",
        ["", "share"],
        wrong,
    )
    return "\n".join(lines).strip() + "\n"


def _shares(title: str, caption: str, rows: dict[str, dict[str, float]]) -> list[str]:
    """A table of one kind of rows, whole numbers as they are."""
    names = list(next(iter(rows.values()), {}))
    cells = [
        [name, *(str(row[n]) if isinstance(row[n], int) else f"{row[n]:.3f}" for n in names)]
        for name, row in rows.items()
    ]
    return table(title, caption, ["", *names], cells)
