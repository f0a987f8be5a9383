"""How well the labels by rules agree with others' labels of the Indiana University reports.

    python -m benchmarks.labels [DATA/iu-xray/studies.csv]

Two references: the 14 labels published with TransChex (Hatamizadeh et al., 2022), and the MeSH codes that people gave the
reports at Open-i. The first follow the second closely, so that they are no second opinion on a report; they differ in what
they take for a finding (TransChex counts no sternotomy wires and clips as devices, MeSH and CheXpert do). Only what a report
plainly asserts counts as present: neither marks doubt. Sides have no other reference than MeSH's qualifiers
("Pleural Effusion/left/small"). The rules were made on train and val; test is printed beside.
"""

import csv
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.arguments import make_parser
from cxrreport.evaluation.clinical import ratios
from cxrreport.findings import FINDINGS, State
from cxrreport.reports.claims import read
from cxrreport.reports.labels import is_normal, label, with_parents
from cxrreport.reports.qualifiers import Side

IU_XRAY = Path(__file__).resolve().parents[2] / "shared/data/iu-xray"
ENOUGH = 20  # findings with fewer positives are printed and do not count in the mean
Row = dict[str, str]
Present = Callable[[Row], dict[str, bool]]

# MeSH terms (with their qualifiers, "Opacity/lung/base/left") where the two vocabularies mean the same. Left out: lung
# lesion beyond nodule and mass (granulomas are coded apart), enlarged cardiomediastinum (no such code for "mediastinal
# contour"), no finding (MeSH "normal" is broken by a degenerative spine, ours is not), and deformities as fractures.
MESH = {
    "cardiomegaly": r"Cardiomegaly|Cardiac Shadow/enlarged",
    "lung opacity": r"Opacity(?!/(?:abdomen|bone))|Density/lung|Airspace Disease|Infiltrate|Markings"
    r"|Lung Diseases, Interstitial|Pulmonary Fibrosis"
    r"|Lung/.*interstitial|Consolidation|Pneumonia|Pulmonary Atelectasis|Pulmonary Edema|Heart Failure|Nodule"
    r"|Mass(?:/|$)",
    "lung lesion": r"Nodule|Mass(?:/|$)",
    "edema": r"Pulmonary Edema|Heart Failure",
    "consolidation": r"Consolidation|Pneumonia",
    "pneumonia": r"Pneumonia",
    "atelectasis": r"Pulmonary Atelectasis",
    "pneumothorax": r"Pneumothorax|Hydropneumothorax|Hemopneumothorax",
    "pleural effusion": r"Pleural Effusion|Hydropneumothorax|Hemopneumothorax|Hemothorax",
    "pleural other": r"(?:Thickening|Cicatrix|Calcinosis|Deformity)/(?:.*/)?pleura",
    "fracture": r"Fractures, Bone",
    "support devices": r"Catheters, Indwelling|Implanted Medical Device|Medical Device|Tube, Inserted|Stents"
    r"|Surgical Instruments|Sutures|Spinal Fusion",
}


def transchex(row: Row) -> dict[str, bool]:
    """TransChex' labels; none where it has no row."""
    if not row["transchex_No-Finding"]:
        return {}
    return {finding: row[_column(finding)] == "1" for finding in FINDINGS}


def _column(finding: str) -> str:
    name = "Pleural_Other" if finding == "pleural other" else "-".join(word.capitalize() for word in finding.split())
    return f"transchex_{name}"


def mesh(row: Row) -> dict[str, bool]:
    """Findings that the MeSH codes name; none where the report was not coded."""
    codes = [code.strip() for code in row["mesh"].split(";")]
    if not row["mesh"] or "No Indexing" in codes:
        return {}
    return {finding: any(re.match(pattern, code) for code in codes) for finding, pattern in MESH.items()}


def report_text(row: Row) -> str:
    """What both read."""
    return f"{row['findings']}\n\n{row['impression']}"


REFERENCES: dict[str, Present] = {"TransChex": transchex, "MeSH": mesh}
Score = tuple[int, float, float, float]  # positives, precision, recall, F1


def agreement(rows: list[Row], reference: str) -> dict[str, Score]:
    """Scores per finding."""
    counts = {finding: np.zeros(3) for finding in FINDINGS}  # both, ours, theirs
    for row in rows:
        states: Mapping[str, State] = with_parents(label(report_text(row)))
        for finding, theirs in REFERENCES[reference](row).items():
            ours = states[finding] == State.POSITIVE
            counts[finding] += theirs and ours, ours, theirs
    return {finding: (int(c[2]), *ratios(*c)) for finding, c in counts.items() if c.any()}


def mean_f1(scores: Mapping[str, Score]) -> float:
    """Mean over findings with enough positives."""
    counted = [f1 for positives, _, _, f1 in scores.values() if positives >= ENOUGH]
    return sum(counted) / max(len(counted), 1)


def print_agreement(name: str, rows: list[Row], reference: str) -> None:
    """One table."""
    scores = agreement(rows, reference)
    counted = f"mean F1 {mean_f1(scores):.3f} (findings with {ENOUGH} positives or more)"
    print(f"\n{reference}, {name}: {len(rows)} reports, {counted}")
    for finding, (positives, precision, recall, f1) in scores.items():
        note = "" if positives >= ENOUGH else "  too few"
        print(f"  {finding:<28}{positives:5d}  precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}{note}")


def coded_sides(row: Row, finding: str) -> set[str]:
    """The sides in the MeSH codes of a finding."""
    codes = [code.strip().split("/") for code in row["mesh"].split(";") if re.match(MESH[finding], code.strip())]
    return {part for code in codes for part in code if part in {*Side}}


def print_sides(name: str, rows: list[Row]) -> None:
    """How often a side that our text names is the one that MeSH has."""
    print(f"\nsides beside MeSH, {name}")
    for finding in MESH:
        coded = [(read(report_text(row)).sides.get(finding), coded_sides(row, finding)) for row in rows]
        pairs = [(ours, theirs) for ours, theirs in coded if ours and len(theirs) == 1]
        if len(pairs) >= ENOUGH:
            same = sum({ours} == theirs for ours, theirs in pairs) / len(pairs)
            print(f"  {finding:<24}{len(pairs):5d} reports  same {same:.3f}")


def print_normal(rows: list[Row]) -> None:
    """How far "normal" agrees with the MeSH code of that name, by split."""
    for split in sorted({row["split"] for row in rows}):
        coded = [row for row in rows if row["split"] == split and row["mesh"] not in ("", "No Indexing")]
        pairs = [(is_normal(report_text(row)), row["mesh"] == "normal") for row in coded]
        both, ours, theirs = (sum(column) for column in zip(*((a and b, a, b) for a, b in pairs), strict=True))
        print(f"normal beside MeSH, {split}: {len(coded)} reports, F1 {2 * both / (ours + theirs):.3f}")


def main() -> int:
    """Print agreement."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "studies", type=Path, nargs="?", default=IU_XRAY / "studies.csv", help="studies.csv of the collection"
    )
    options = parser.parse_args()
    if not options.studies.is_file():
        parser.error("name the studies.csv of the collection")
    with options.studies.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["findings"] or row["impression"]]
    known = [row for row in rows if row["split"] != "test"]
    for reference in REFERENCES:
        print_agreement("train and val", known, reference)
        print_agreement("test, not tuned on", [row for row in rows if row["split"] == "test"], reference)
    print_sides("train and val", known)
    print_normal(known)
    return 0


if __name__ == "__main__":
    sys.exit(main())
