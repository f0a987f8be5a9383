"""Made-up directories laid out as published collections are, with drawn radiographs."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from cxrreport.findings import FINDINGS
from cxrreport.phantoms.phantom import draw_frontal, draw_lateral

REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with cough // eval for pneumonia

 COMPARISON:  None.

 FINDINGS:

 {findings}

 IMPRESSION:

 {impression}
"""


def draw(path: Path, patient: int = 0, *, lateral: bool = False, side: int = 128) -> None:
    """A picture file of a drawn radiograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (draw_lateral if lateral else draw_frontal)(patient, [], exposure_seed=patient, side=side).pixels
    Image.fromarray((255 * (pixels - pixels.min()) / (pixels.max() - pixels.min())).astype("uint8")).save(path)


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """A CSV with the columns of the first row; packed where the name ends in .gz."""
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as lines:
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def mimic_rows(studies: Sequence[tuple[int, int, str, Sequence[str]]]) -> tuple[list[dict], list[dict]]:
    """Rows of the split and of the metadata: studies are (subject, study, split, views of their images)."""
    split, metadata = [], []
    for subject, study, part, views in studies:
        for number, view in enumerate(views):
            names = {"dicom_id": f"{study}-{number}", "study_id": study, "subject_id": subject}
            split.append({**names, "split": part})
            times = {"StudyDate": 21800506, "StudyTime": 213014.531}
            metadata.append({**names, "ViewPosition": view, "Rows": 128, "Columns": 128, **times})
    return split, metadata


def mimic_folder(directory: Path, subject: int) -> Path:
    """Where the studies of a patient lie."""
    return directory / "files" / f"p{subject}"[:3] / f"p{subject}"


def write_mimic(directory: Path, studies: Sequence[tuple[int, int, str, Sequence[str]]], ending: str = "csv") -> None:
    """A whole directory; every report says the same."""
    split, metadata = mimic_rows(studies)
    write_table(directory / f"mimic-cxr-2.0.0-split.{ending}", split)
    write_table(directory / f"mimic-cxr-2.0.0-metadata.{ending}", metadata)
    for subject, study, _, views in studies:
        folder = mimic_folder(directory, subject)
        for number, view in enumerate(views):
            lateral = view in ("LATERAL", "LL")
            draw(folder / f"s{study}" / f"{study}-{number}.jpg", subject, lateral=lateral)
        said = REPORT.format(findings="The heart is enlarged. Seen by Dr. ___ at ___.", impression="Cardiomegaly.")
        (folder / f"s{study}.txt").write_text(said)


def mimic_labels(subject: int, study: int, **stated: float) -> dict[str, object]:
    """A row of MIMIC-CXR's labels, of which all others are not mentioned."""
    names = {name.title(): stated.get(name.replace(" ", "_"), "") for name in FINDINGS}
    return {"subject_id": subject, "study_id": study, **names}


def chexpert_row(image: str, **changes: object) -> dict[str, object]:
    """A row of CheXpert Plus, with the columns that are asked for and some more."""
    view = "Lateral" if "lateral" in image else "Frontal"
    return {
        "path_to_image": image, "path_to_dcm": image.replace(".jpg", ".dcm"), "frontal_lateral": view, "ap_pa": "AP",
        "deid_patient_id": image.split("/")[1], "patient_report_date_order": 1, "report": "",
        "section_clinical_history": "Dyspnea, evaluate for edema.", "section_findings": "There is mild pulmonary edema.",
        "section_impression": "1. Mild edema.", "age": 61.0, "sex": "Male", **changes,
    }  # fmt: skip
