"""What an object beside a film takes from the film's header because the view does not hold it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cxrreport.dicom.opening import NotDicomError, open_head
from cxrreport.errors import HeaderError
from cxrreport.export.films import hold_to_draft
from cxrreport.export.study import StudyView
from cxrreport.export.uids import derive_uid
from cxrreport.records import Image

_SOP_CLASS, _SERIES_UID, _NAME, _STUDY_ID = 0x00080016, 0x0020000E, 0x00100010, 0x00200010
_MAX_INFLATED, _KEEP_INFLATED = 1 << 30, 8 << 20
_UID = re.compile(r"(?=.{1,64}\Z)(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)  # PS3.5 section 9.1
_MAX_STUDY_ID, _MAX_GROUP = 16, 64  # characters of an SH, and of a group of a PN (PS3.5 6.2)


@dataclass(frozen=True, slots=True)
class Source:
    """SOP class and series of a film, and what its header says of patient and study; "" where that is blank or not valid."""

    sop_class_uid: str
    series_uid: str
    patient_name: str = ""
    study_id: str = ""


def read_source(view: StudyView, image: Image) -> Source:
    """Read a film of a view, current or prior. Where the view hides its source only the SOP class is read.

    The series then gets an identifier that is made of the image's.

    Raises
    ------
    InputError : the film is away or another one by now.
    HeaderError : `header.incomplete` where class or series are not told; those of `open_head`.
    """
    hold_to_draft(image)
    tags = (_SOP_CLASS,) if view.hides_source else (_SOP_CLASS, _SERIES_UID, _NAME, _STUDY_ID)
    try:
        with open_head(image.path, tags, _MAX_INFLATED, _KEEP_INFLATED) as head:
            return _source(head.dataset, head.sop_class_uid, derive_uid(image.sop_uid) if view.hides_source else "")
    except NotDicomError:
        raise HeaderError("A film of this study is no DICOM any more.") from None


def _source(dataset: Dataset, sop_class_uid: str, series_uid: str) -> Source:
    try:
        series_uid = series_uid or _text(dataset, _SERIES_UID)
        name, study_id = _text(dataset, _NAME), _text(dataset, _STUDY_ID)
    except Exception:  # pydicom converts on access, and its errors may quote values
        raise HeaderError("The header holds values that cannot be read.") from None
    if not _UID.match(sop_class_uid) or not _UID.match(series_uid):
        raise HeaderError("The header of a film lacks its class or its series.", code="header.incomplete")
    short = study_id if len(study_id) <= _MAX_STUDY_ID and study_id.isprintable() else ""
    return Source(sop_class_uid, series_uid, name if _is_name(name) else "", short)


def _text(dataset: Dataset, tag: int) -> str:
    """The one value of an element; "" where there is none, or several."""
    element = dataset.get(tag)
    return "" if element is None or element.VM != 1 else str(element.value).strip().rstrip("\0")


def _is_name(text: str) -> bool:
    """Up to three groups of up to five parts each, of signs that can be seen."""
    groups = text.split("=")
    fit = all(len(group) <= _MAX_GROUP and group.count("^") <= 4 for group in groups)
    return fit and len(groups) <= 3 and text.isprintable()
