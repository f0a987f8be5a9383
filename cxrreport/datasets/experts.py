"""Films of NIH ChestX-ray14 that radiologists judged anew: to measure against, never to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cxrreport.datasets.disk import read_table

FILE = "expert_labels.csv"
# Adjudicated labels (Majkowska et al., Radiology 2019) and the findings any of which bears them out.
EXPERT_FINDINGS: dict[str, tuple[str, ...]] = {
    "fracture": ("fracture",),
    "pneumothorax": ("pneumothorax",),
    "airspace_opacity": ("lung opacity", "edema", "consolidation", "pneumonia", "atelectasis"),
    "nodule_or_mass": ("lung lesion",),
}


def read_experts(directory: Path) -> Iterator[tuple[str, dict[str, bool]]]:
    """Key of each film as `nih.read_nih_films` gives it, and which of the four labels it has. A cell without one is left out.

    Raises
    ------
    UsageError : there is no such table, or it lacks columns.
    """
    for row in read_table(directory / FILE, {"id", *EXPERT_FINDINGS}, "The directory of films", "films"):
        yield f"nih-{row['id']}", {name: row[name] == "1" for name in EXPERT_FINDINGS if row[name] in ("0", "1")}
