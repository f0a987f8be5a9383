"""The report archive: signed reports as text files named by accession, and a table of older ones without images."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from cxrreport.demo.dicomfile import make_uid
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.phrases import INDICATIONS
from cxrreport.phantoms.report_text import STEP, pick, write_report_text
from cxrreport.phantoms.samples import random_lesions

ARCHIVE_ONLY = 40
COLUMNS = ("accession", "study_uid", "patient_id", "date", "findings", "impression", "comparison")
OLDEST = datetime(2020, 1, 6, 9, 0)


@dataclass(frozen=True, slots=True)
class SignedStudy:
    """A study whose report is signed; `prior_lesions` is None where it is read without a prior."""

    accession: str
    uid: str
    patient_id: str
    studied_at: datetime
    lesions: tuple[Lesion, ...]
    prior_lesions: tuple[Lesion, ...] | None


def write_reports(directory: Path, seed: int, signed: Sequence[SignedStudy]) -> None:
    """Two of three signed reports become text files; the rest and 40 older reports without images go to reports.csv."""
    directory.mkdir(parents=True, exist_ok=True)
    table = []
    for number, study in enumerate(signed):
        if number % 3 == 2:
            table.append(study)
        else:
            write_text(directory / f"{study.accession}.txt", seed, study)
    table += archive_only(seed)
    with (directory / "reports.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for study in table:
            text = write_report_text(study.lesions, study.prior_lesions, study_rng(seed, study))
            writer.writerow((study.accession, study.uid, study.patient_id, f"{study.studied_at:%Y-%m-%d}", *text))


def study_rng(seed: int, study: SignedStudy) -> np.random.Generator:
    """Generator of one report's wording."""
    return np.random.default_rng([seed, zlib.crc32(study.accession.encode()), 61])


def write_text(path: Path, seed: int, study: SignedStudy) -> None:
    """One report with its headings, as a dictation system files it."""
    rng = study_rng(seed, study)
    findings, impression, comparison = write_report_text(study.lesions, study.prior_lesions, rng)
    sections = {
        "EXAM": "CHEST RADIOGRAPH",
        "DATE": f"{study.studied_at:%Y-%m-%d}",
        "INDICATION": pick(rng, INDICATIONS),
        "COMPARISON": comparison,
        "FINDINGS": findings,
        "IMPRESSION": impression,
    }
    path.write_text("\n\n".join(f"{name}: {text}" for name, text in sections.items()) + "\n", encoding="utf-8")


def archive_only(seed: int) -> list[SignedStudy]:
    """Older reports of other patients; every third one is a follow-up of the one before."""
    studies: list[SignedStudy] = []
    for number in range(ARCHIVE_ONLY):
        rng = np.random.default_rng([seed, number, 62])
        follow_up = number % 3 == 1
        before = studies[-1] if follow_up else None
        studies.append(
            SignedStudy(
                accession=f"H{number + 1:04d}",
                uid=make_uid(seed, "archive", number),
                patient_id=before.patient_id if before else f"H{number + 1:04d}",
                studied_at=OLDEST + timedelta(days=23 * number),
                lesions=later(before.lesions, rng) if before else random_lesions(rng),
                prior_lesions=before.lesions if before else None,
            )
        )
    return studies


def later(lesions: Sequence[Lesion], rng: np.random.Generator) -> tuple[Lesion, ...]:
    """The same lesions some weeks on: healed, better, the same or worse, and perhaps a new one."""
    kept = []
    for lesion in lesions:
        step = float(rng.choice((-2.0, 0.0, 2.0))) * STEP
        if rng.random() < 0.75:
            kept.append(Lesion(lesion.finding, lesion.side, min(1.0, max(0.1, lesion.severity + step)), lesion.zone))
    present = {lesion.finding for lesion in kept}
    fresh = [lesion for lesion in random_lesions(rng, 1) if lesion.finding not in present]
    return (*kept, *fresh)
