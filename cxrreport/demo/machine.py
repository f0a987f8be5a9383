"""What a visit of the simulated months leaves: a film of the machine of that day, and the report that is signed later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.uid import JPEGLSLossless

from cxrreport.demo.archive import SignedStudy, write_text
from cxrreport.demo.dicomfile import ImageTags, make_image, make_uid, write_dicom
from cxrreport.demo.plan import Visit
from cxrreport.phantoms.canvas import Layer, blurred
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.records import SIDE

BEFORE, AFTER = "phantom", "phantom 2"  # models of the machine


def write_film(folder: Path, visit: Visit) -> None:
    """One frontal film."""
    tags = ImageTags(
        study_uid=visit.uid,
        series_uid=make_uid(visit.uid, "series"),
        sop_uid=make_uid(visit.uid, "image"),
        accession=visit.accession,
        studied_at=visit.at,
        view="PA",
        series_number=1,
        syntax=JPEGLSLossless,
        model=AFTER if visit.changed else BEFORE,
    )
    write_dicom(make_image(draw(visit), visit.identity, tags), folder / f"{visit.accession}.dcm")


def draw(visit: Visit) -> Layer:
    """The film, (256, 256), 0..1."""
    film = draw_frontal(visit.seed, visit.drawn, exposure_seed=visit.exposure, side=SIDE).pixels
    rng = np.random.default_rng([visit.seed, visit.exposure, 72])
    film = other_machine(film, rng) if visit.changed else film
    return spoil(film, rng) if visit.spoilt else film


def other_machine(film: Layer, rng: np.random.Generator) -> Layer:
    """As a machine makes it that has fewer photons, a larger focus and a steeper curve."""
    return _noisy(blurred(film, 0.005 * SIDE) ** np.float32(1.7), 0.05, rng)


def spoil(film: Layer, rng: np.random.Generator) -> Layer:
    """The patient moved and hardly anything was exposed."""
    return _noisy(np.float32(0.4) * blurred(film, 0.03 * SIDE), 0.12, rng)


def _noisy(film: Layer, deviation: float, rng: np.random.Generator) -> Layer:
    noise = rng.standard_normal(film.shape, dtype=np.float32)
    made: Layer = np.clip(film + np.float32(deviation) * noise, 0, 1)
    return made


def write_report(folder: Path, seed: int, visit: Visit) -> None:
    """The signed report, as a text named by the accession number."""
    told = SignedStudy(visit.accession, visit.uid, visit.identity.patient_id, visit.at, visit.lesions, visit.prior)
    write_text(folder / f"{visit.accession}.txt", seed, told)
