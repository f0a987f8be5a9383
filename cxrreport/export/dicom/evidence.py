"""The films of a draft as far as an object beside them needs them: identifiers, and whose they are.

A data set of our own stands for each film (highdicom copies patient and study from it). Nothing of the film's header gets
into it unchecked: a value that DICOM does not allow there, such as an accession number of 20 characters, is left blank.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pydicom.dataset import Dataset

from cxrreport.export.films import current_film
from cxrreport.export.source import Source, read_source
from cxrreport.export.study import StudyView
from cxrreport.records import Image
from cxrreport.store.views import PatientFacts, StudyFacts

CHARACTER_SET = "ISO_IR 192"  # UTF-8; a name in the film's own set would be unreadable beside our words
_LONG, _SHORT = 64, 16  # characters of an LO and of an SH (PS3.5 6.2)
_SEXES = frozenset("MFO")
_PSEUDONYMS = "cxrreport: keyed pseudonyms, dates shifted for each patient"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A data set for the current film and, if the draft was compared with one, for the prior's.

    names : what else the objects say of the patient, and that these are pseudonyms. highdicom never sees a name: its warnings
    quote those it finds odd.
    """

    current: Dataset
    prior: Dataset | None
    names: Dataset

    @property
    def films(self) -> list[Dataset]:
        """All of them, the current one first."""
        return [self.current, *([self.prior] if self.prior else [])]


def gather(view: StudyView) -> Evidence:
    """Make what stands for the films of a draft.

    Raises
    ------
    InputError : as `current_film` and `read_source` do.
    """
    held, film, before = view.held, current_film(view), view.films.prior
    source = read_source(view, film)
    current = _film(held.patient, film, held.study, source)
    if before is None or held.prior is None:
        return Evidence(current, None, _names(view, source))
    prior = _film(held.patient, before, held.prior, read_source(view, before))
    return Evidence(current, prior, _names(view, source))


def _film(patient: PatientFacts, image: Image, study: StudyFacts, source: Source) -> Dataset:
    film = Dataset()
    film.PatientID = _fit(patient.number, _LONG)
    film.PatientName = ""
    film.PatientBirthDate = _day(patient.birth_date)
    film.PatientSex = patient.sex if patient.sex in _SEXES else ""
    _name_study(film, study, source)
    film.SOPClassUID, film.SOPInstanceUID = source.sop_class_uid, image.sop_uid
    film.SeriesInstanceUID = source.series_uid
    film.Rows, film.Columns = image.height, image.width
    return film


def _names(view: StudyView, source: Source) -> Dataset:
    names = Dataset()
    names.PatientName = source.patient_name
    if issuer := _fit(view.held.patient.issuer, _LONG):
        names.IssuerOfPatientID = issuer
    if view.hides_source:  # PS3.3 C.7.1.1 and C.12.1
        names.PatientIdentityRemoved, names.DeidentificationMethod = "YES", _PSEUDONYMS
        names.LongitudinalTemporalInformationModified = "MODIFIED"
    return names


def _name_study(film: Dataset, study: StudyFacts, source: Source) -> None:
    film.StudyInstanceUID, film.StudyID = study.uid, source.study_id
    film.AccessionNumber = _fit(study.accession, _SHORT)
    film.StudyDate = _day(study.studied_at)
    film.StudyTime = f"{study.studied_at:%H%M%S}" if study.studied_at and study.time_known else ""
    film.ReferringPhysicianName = ""


def _fit(text: str, limit: int) -> str:
    """The text if it is one value of at most `limit` characters, else ""."""
    return text if len(text) <= limit and text.isprintable() and "\\" not in text else ""


def _day(day: date | datetime | None) -> str:
    return f"{day.year:04}{day.month:02}{day.day:02}" if day else ""
