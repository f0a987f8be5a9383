"""A small hospital to try everything on: a PACS export, a report archive, and the truth about both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from pydicom.uid import JPEGLSLossless

from cxrreport.codes import PriorReason
from cxrreport.demo.archive import SignedStudy, write_reports
from cxrreport.demo.casebook import Case, Visit, make_cases
from cxrreport.demo.dicomfile import SYNTAXES, ImageTags, make_image, make_uid, write_bare, write_dicom
from cxrreport.demo.distractors import copy_real_image, write_distractors
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.phantom import Box, Phantom, draw_frontal, draw_lateral

BARE = 3  # the image without preamble; its syntax is implicit little endian


@dataclass(frozen=True, slots=True)
class StudyTruth:
    """What is known of one chest study.

    `prior` is the accession that must be chosen as its prior; `no_prior` the reason where there must be none.
    `boxes` are those of the frontal image, (x, y, w, h) in its pixels by the lesion's index. A real image has no lesions
    on record: `synthetic` is False.
    """

    accession: str
    uid: str
    patient_id: str
    studied_at: str
    lesions: tuple[Lesion, ...]
    boxes: dict[int, Box]
    prior: str | None
    no_prior: str
    frontals: int
    laterals: int
    signed: bool
    synthetic: bool = True

    @property
    def views(self) -> int:
        """How many usable chest images the study has."""
        return self.frontals + self.laterals


@dataclass(frozen=True, slots=True)
class Hospital:
    """Where the demonstration hospital lies, and its chest studies in order of patient and time."""

    directory: Path
    pacs: Path
    reports: Path
    truth_file: Path
    studies: tuple[StudyTruth, ...]


@dataclass(frozen=True, slots=True)
class _Image:
    """One image of the export, before it is drawn."""

    case: Case
    visit: int
    view: str
    number: int  # counts all images of the hospital


def build_hospital(directory: Path, seed: int = 7, patients: int = 12, *, side: int = 512) -> Hospital:
    """Write `pacs/`, `reports/` and `truth.json` into the directory; the same arguments write the same bytes.

    Raises
    ------
    ValueError : for fewer than one patient.
    """
    if patients < 1:
        raise ValueError("a hospital needs a patient")
    pacs, reports = directory / "pacs", directory / "reports"
    pacs.mkdir(parents=True, exist_ok=True)
    studies, images = [], 0
    for case in make_cases(seed, patients):
        for index in range(len(case.visits)):
            studies.append(_write_study(pacs, seed, case, index, images, side))
            images += len(case.visits[index].views)
    write_distractors(pacs, seed, side, _path(pacs, 0))
    studies += _real_study(pacs)
    truth = directory / "truth.json"
    truth.write_text(json.dumps({"studies": [asdict(study) for study in studies]}, indent=1) + "\n")
    write_reports(reports, seed, [_signed(study, studies) for study in studies if study.signed])
    return Hospital(directory, pacs, reports, truth, tuple(studies))


def _signed(study: StudyTruth, studies: list[StudyTruth]) -> SignedStudy:
    prior = next((one.lesions for one in studies if one.accession == study.prior), None)
    taken = datetime.fromisoformat(study.studied_at)
    return SignedStudy(study.accession, study.uid, study.patient_id, taken, study.lesions, prior)


def _accession(case: Case, index: int) -> str:
    return f"A{case.number:03d}{index + 1:02d}"


def _taken(case: Case, visit: Visit) -> datetime:
    return case.start + timedelta(hours=visit.hours)


def _write_study(pacs: Path, seed: int, case: Case, index: int, first: int, side: int) -> StudyTruth:
    """Draw and write all images of one visit."""
    visit, boxes = case.visits[index], {}
    for offset, view in enumerate(visit.views):
        image = _Image(case, index, view, first + offset)
        phantom = _draw(image, side)
        if view != "LL":
            boxes = phantom.boxes
        _write_image(pacs, seed, image, phantom)
    laterals = visit.views.count("LL")
    return StudyTruth(
        accession=_accession(case, index),
        uid=make_uid(seed, case.number, index, "study"),
        patient_id=case.identity.patient_id,
        studied_at=_taken(case, visit).isoformat(timespec="seconds"),
        lesions=visit.lesions,
        boxes=boxes,
        prior=None if visit.prior is None else _accession(case, visit.prior),
        no_prior=visit.no_prior,
        frontals=len(visit.views) - laterals,
        laterals=laterals,
        signed=index < len(case.visits) - 1 or case.number % 6 == 0,  # the newest still wait for their report
    )


def _draw(image: _Image, side: int) -> Phantom:
    draw = draw_lateral if image.view == "LL" else draw_frontal
    seed = image.case.seed + 500 * image.case.visits[image.visit].other_birth  # another person has another chest
    return draw(seed, image.case.visits[image.visit].lesions, exposure_seed=image.visit, side=side)


def _tags(seed: int, image: _Image) -> ImageTags:
    """Tags that vary from image to image as they do between devices and decades."""
    case, number, syntax = image.case, image.number, SYNTAXES[image.number % len(SYNTAXES)]
    return ImageTags(
        study_uid=make_uid(seed, case.number, image.visit, "study"),
        series_uid=make_uid(seed, case.number, image.visit, image.view, "series"),
        sop_uid=make_uid(seed, case.number, image.visit, image.view, "image"),
        accession=_accession(case, image.visit),
        studied_at=_taken(case, case.visits[image.visit]),
        view=image.view,
        series_number=1 + (image.view == "LL"),
        description="XR CHEST PORTABLE" if image.view == "AP" else "XR CHEST 2 VIEWS",
        digital=number % 5 not in (1, 3),
        inverted=number % 3 == 1,
        lut=number % 7 == 3 and syntax != JPEGLSLossless,
        blank_view=number % 9 == 5,
        blank_body_part=number % 11 == 5,
        syntax=syntax,
    )


def _path(pacs: Path, number: int) -> Path:
    """Neutral names over several volumes: images of one study may lie apart, one in thirteen has no extension."""
    extension = "" if number % 13 == 4 else ".dcm"
    return pacs / f"vol{1 + number % 3}" / f"{(number * 37) % 251:02x}" / f"{number:06d}{extension}"


def _write_image(pacs: Path, seed: int, image: _Image, phantom: Phantom) -> None:
    case, tags = image.case, _tags(seed, image)
    identity = case.identity
    if case.visits[image.visit].other_birth:
        identity = replace(identity, birth_date=f"{int(identity.birth_date) + 110000}", name="DEMO^PATIENT 00")
    dataset = make_image(phantom.pixels, identity, tags)
    write = write_bare if image.number == BARE else write_dicom
    write(dataset, _path(pacs, image.number))


def _real_study(pacs: Path) -> Iterator[StudyTruth]:
    """The public image, if the package that carries it is installed."""
    header = copy_real_image(pacs)
    if header is None:
        return
    taken = datetime.strptime(f"{header.StudyDate}{str(header.StudyTime)[:6]}", "%Y%m%d%H%M%S")
    yield StudyTruth(
        accession=str(header.AccessionNumber),
        uid=str(header.StudyInstanceUID),
        patient_id=str(header.PatientID),
        studied_at=taken.isoformat(timespec="seconds"),
        lesions=(),
        boxes={},
        prior=None,
        no_prior=PriorReason.NONE,
        frontals=1,
        laterals=0,
        signed=False,
        synthetic=False,
    )
