"""Frozen records that travel between stages. No logic beyond derived properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy would cost every light command a tenth of a second
    import numpy as np
    import numpy.typing as npt

SIDE = 256  # pixels of a prepared image, both ways
ADULT = 18  # years of age from which on the network is made for a patient
YEARS = range(1950, 2100)  # of studies and reports; before and after lie placeholders: 0001, 1753, 1900, 9999


class View(StrEnum):
    """Projection of one image; `FRONTAL` where PA and AP cannot be told apart."""

    PA = "pa"
    AP = "ap"
    FRONTAL = "frontal"
    LATERAL = "lateral"
    OTHER = "other"

    @property
    def is_frontal(self) -> bool:
        """True for PA, AP and unspecified frontal films."""
        return self in FRONTAL


FRONTAL = (View.PA, View.AP, View.FRONTAL)


class Origin(StrEnum):
    """How an image came about. In a study an earlier kind goes before a later one: a draft is made from the original."""

    ORIGINAL = "original"
    DERIVED = "derived"
    CAPTURED = "captured"
    SUBTRACTED = "subtracted"  # bone or soft tissue taken away


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file of the export. `path` is absolute and valid UTF-8."""

    path: str
    size: int
    mtime_ns: int


GREY = ("MONOCHROME1", "MONOCHROME2")  # values of Photometric Interpretation


@dataclass(frozen=True, slots=True)
class Instance:
    """The header of one DICOM image. Empty strings stand for blank tags."""

    file: FileEntry
    sop_uid: str
    study_uid: str
    sop_class_uid: str
    transfer_syntax: str
    patient_id: str
    issuer: str
    birth_date: date | None
    sex: str
    studied_at: datetime | None  # hospital's own clock, as written; midnight where the time is blank
    time_known: bool
    accession: str
    study_description: str
    series_description: str
    institution: str
    modality: str
    body_part: str
    view_position: str
    patient_orientation: str
    protocol: str
    image_type: str
    photometric: str
    samples_per_pixel: int
    frames: int
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    manufacturer: str = ""
    model: str = ""
    station: str = ""
    presentation_intent: str = ""
    exposure_index: float | None = None  # IEC 62494-1, as the machine computed it
    deviation_index: float | None = None  # 0 = as intended, +1 = 26 % more
    age_years: float | None = None
    indication: str = ""  # why the film was asked for; see `indications`
    name_sha256: str = ""  # keyed digest of the patient's name
    origin: Origin = Origin.ORIGINAL


NOBODY = "nobody:"  # begins the number of a study without a patient's; its own UID follows
_NOBODY = re.compile(
    r"UNKNOWN(PATIENT)?|UNK|UNBEKANNT|INCONNU|DESCONOCIDO|UNIDENTIFIED|UNASSIGNED|NOT(ASSIGNED|AVAILABLE|APPLICABLE)"
    r"|NONE|NULL|NIL|NAN?|NO(PATIENT)?ID|(PATIENT)?ID|EMPTY|BLANK|DEFAULT|TBD|TEMP|REMOVED|DELETED"
    r"|ANON|ANON[IY]M[EO]?|ANONYMOUS|ANONYMI[SZ]ED|DEIDENTIFIED|(TEST)?PATIENT|TEST|PHANTOM|DUMMY|QC"
    r"|(JOHN|JANE)?DOE|EMERGENCY|NOTFALL|TRAUMA"
)


def visible(number: str) -> str:
    """A number of a patient or a study without characters that nobody sees, such as a mark of byte order, or space around.

    Half a character (a lone surrogate) stays: what holds one is refused.
    """
    return "".join(one for one in number if one.isprintable() or "\ud800" <= one <= "\udfff").strip()


def names_nobody(patient_id: str) -> bool:
    """Tell whether a patient number is a placeholder ("000", "UNKNOWN", "ANON", "N/A", "XXX") that many persons share.

    A number of one sign repeated counts as one from three signs on; so do zeros alone, and punctuation alone. What looks
    like the number of a study that stands alone (`NOBODY`) is none of a person either.
    """
    if patient_id.lower().startswith(NOBODY):
        return True
    signs = re.sub(r"[\W_]+", "", patient_id).upper()
    repeated = len(set(signs)) == 1 and (len(signs) >= 3 or signs[0] == "0")
    return not signs or repeated or _NOBODY.fullmatch(signs) is not None


def blank_placeholder(patient_id: str) -> str:
    """Return "" in place of a number that names nobody: it says nothing of the patient."""
    return "" if names_nobody(patient_id) else patient_id


@dataclass(frozen=True, slots=True)
class ViewGuess:
    """A view, who says so (`tags` or `pixels`) and how sure (0..1; 1 for tags)."""

    view: View
    source: str
    probability: float


@dataclass(frozen=True, slots=True)
class Lie:
    """How a stored image lies beside an upright one, as far as its pixels tell.

    turns : quarter turns counter-clockwise that were put upon it; inverted : a negative. These two are mended.
    mirrored, cropped : only told. unusual : it does not look like a frontal chest image.
    """

    turns: int = 0
    inverted: bool = False
    mirrored: bool = False
    cropped: bool = False
    unusual: bool = False

    @property
    def mended(self) -> bool:
        """The pixels that the network sees are not as stored."""
        return bool(self.turns or self.inverted)


UPRIGHT = Lie()


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the catalogue. `view` is None until tags or pixels have told.

    `pixel_sha256`, the digest of the stored values, is None until the pixels were read, and again once the file changes.
    """

    id: int
    sop_uid: str
    path: str
    size: int
    view: View | None
    view_probability: float | None
    height: int
    width: int
    pixel_sha256: str | None = None
    mtime_ns: int = 0
    origin: Origin = Origin.ORIGINAL


@dataclass(frozen=True, slots=True)
class Study:
    """One study of the catalogue with its usable images."""

    id: int
    uid: str
    patient_id: int
    studied_at: datetime | None
    time_known: bool
    birth_date: date | None
    sex: str
    accession: str
    images: tuple[Image, ...]
    age_years: float | None = None  # at the study, as its header says
    name_sha256: str = ""  # keyed digest of the patient's name; "" where it is not known
    indication: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A study with the films to draft from and, if there is a trustworthy one, its prior.

    `reason` says why there is no prior ("prior.none", "prior.tie", …) or is "" where there is one.
    """

    study: Study
    frontal: Image
    lateral: Image | None
    prior: Study | None
    prior_frontal: Image | None
    prior_lateral: Image | None
    reason: str

    @property
    def images(self) -> tuple[Image | None, ...]:
        """What a draft is made from: frontal and lateral image, those of the prior; None where there is none."""
        return self.frontal, self.lateral, self.prior_frontal, self.prior_lateral

    @property
    def days(self) -> int | None:
        """Days from the prior to the study; None without a prior, or where one of them has no date."""
        if self.prior is None or self.prior.studied_at is None or self.study.studied_at is None:
            return None
        return (self.study.studied_at.date() - self.prior.studied_at.date()).days


@dataclass(frozen=True, slots=True)
class PreparedStudy:
    """Preprocessed films of one study: uint8, shape (256, 256), 0 = air; None where there is no such film."""

    frontal: npt.NDArray[np.uint8]
    lateral: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A study to draft now; `attempts` counts those that ended in a failure or with the run."""

    pair: Pair
    inputs_sha256: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A due study with its films; `reason` says why there is no prior.

    `prior` holds the films as they are; where its frontal film could not be registered, `registered` is None and `flags`
    has "prior_unregistered".
    """

    due: Due
    current: PreparedStudy
    prior: PreparedStudy | None
    reason: str
    flags: tuple[str, ...]
    digests: dict[int, str]  # image id -> sha256 of its pixels
    inputs_sha256: str
    registered: npt.NDArray[np.uint8] | None = None  # the prior's frontal film on the grid of the current one
    quality: float | None = None  # of the registration, 0 to 1
    lie: Lie = UPRIGHT  # of the current frontal film, as it is stored
    prior_lie: Lie = UPRIGHT  # of the prior's


class ReportStatus(StrEnum):
    """How far a report of the archive is signed; a withdrawn one has no text."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Report:
    """One report as a reader found it, its identity still unresolved.

    A report of an `addendum` alone (see `cxrreport.addenda`) adds to the one that is stored; so does what is new of one
    that is `appended`. At least one of `accession` and `study_uid` is set, or `external_id` names the report alone.
    """

    source: str  # file name or table name, without directories
    external_id: str
    accession: str = ""
    study_uid: str = ""
    patient_id: str = ""
    issuer: str = ""
    reported_at: datetime | None = None
    findings: str = ""
    impression: str = ""
    comparison: str = ""
    status: ReportStatus = ReportStatus.FINAL
    indication: str = ""
    addendum: str = ""
    appended: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """One entry of the retrieval index: what is embedded of a report of the archive, and the digest of its whole text."""

    report_id: int
    digest: int
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One file or study that could not be used: stable code, one sentence without patient data."""

    code: str
    message: str
    path: str | None = None
    study_id: int | None = None
