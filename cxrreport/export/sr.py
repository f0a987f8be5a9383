"""A draft as DICOM objects in the study that it is of: findings (TID 1500), text (TID 2000), and a Secondary Capture.

None is final: UNVERIFIED, PARTIAL and PRELIMINARY. Identifiers and bytes depend on the view and its films alone, so that an
archive takes a second copy for what it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import Comprehensive3DSR, EnhancedSR
from PIL.Image import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import UID

from cxrreport import DISCLAIMER
from cxrreport.errors import InputError
from cxrreport.export.coding import OWN
from cxrreport.export.dicom.captured import capture
from cxrreport.export.dicom.device import NAME, contribution, equipment
from cxrreport.export.dicom.evidence import CHARACTER_SET, Evidence, gather
from cxrreport.export.dicom.measured import measurement_report
from cxrreport.export.dicom.told import report
from cxrreport.export.folder import Item
from cxrreport.export.picture import compose
from cxrreport.export.subject import Subject
from cxrreport.export.uids import derive_uid
from cxrreport.store.views import DraftFacts

_UNNAMED = derive_uid()  # of an object whose content is not complete
_SERIES = {"SR": 9301, "OT": 9302}  # numbers that no modality gives to its own
_DATES = ("InstanceCreationDate", "ContentDate", "DateOfSecondaryCapture")
_TIMES = ("InstanceCreationTime", "ContentTime", "TimeOfSecondaryCapture")


class _OwnHeader:
    """Keeps highdicom from looking up the film's class, which may be a maker's own, for more to copy from our data set."""

    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        """Copy nothing: the constructor has taken all that was checked."""


class _Findings(_OwnHeader, Comprehensive3DSR):  # type: ignore[misc]
    pass


class _Text(_OwnHeader, EnhancedSR):  # type: ignore[misc]
    pass


def make(subject: Subject) -> list[Item]:
    """Return the objects of a study; without findings to tell there is only the text. The picture is missing where the films
    cannot be drawn.

    Raises
    ------
    InputError : a film is away, or no longer the one of the draft.
    """
    view, draft = subject.view, subject.view.draft
    evidence = gather(view)
    picture = _picture(subject)
    objects = _objects(subject, draft, evidence, picture)
    return [_item(view.stem, name, dataset, draft, evidence) for name, dataset in objects]


def _picture(subject: Subject) -> Image | None:
    try:
        return compose(subject.view, subject.pictures)
    except InputError:  # the export has counted it
        return None


def _objects(
    subject: Subject, draft: DraftFacts, evidence: Evidence, picture: Image | None
) -> Iterator[tuple[str, Dataset]]:
    if subject.view.findings:
        findings = _common("SR", 1, draft, evidence)
        root = measurement_report(subject.view, draft, evidence, findings["series_instance_uid"])
        yield "findings", _Findings(evidence=evidence.films, content=root, **findings)
    text = _common("SR", 2, draft, evidence)
    yield "text", _Text(evidence=evidence.films, content=report(subject.view, draft), **text)
    if picture:
        yield "picture", capture(picture, evidence, **_common("OT", 1, draft, evidence))


def _common(modality: str, number: int, draft: DraftFacts, evidence: Evidence) -> dict[str, Any]:
    """Identifiers and equipment; the series of a draft are its own, for a study may get several drafts in its time."""
    of_draft = (evidence.current.StudyInstanceUID, draft.draft_id, draft.created_at.isoformat())
    return {
        "series_instance_uid": derive_uid("series", modality, *of_draft),
        "sop_instance_uid": _UNNAMED,
        "series_number": _SERIES[modality],
        "instance_number": number,
        "series_description": DISCLAIMER,
        "specific_character_set": CHARACTER_SET,
        "coding_schemes": [CodingSchemeIdentificationItem(OWN, NAME, responsible_organization=NAME)],
        **equipment(draft.provenance),
    }


def _item(stem: str, name: str, dataset: Dataset, draft: DraftFacts, evidence: Evidence) -> Item:
    """The file. Its identifier is made of everything else in it, so that just what says something else has another one.

    highdicom dates what it makes by the clock, which is not when the draft was made.
    """
    dataset.update(evidence.names)
    for keyword in (*_DATES, *_TIMES):
        if keyword in dataset:
            dataset[keyword].value = f"{draft.created_at:{'%Y%m%d' if keyword in _DATES else '%H%M%S'}}"
    dataset.ContributingEquipmentSequence = [contribution(draft.provenance, draft.created_at)]
    uid = UID(derive_uid("object", hashlib.sha256(_written(dataset)).hexdigest()))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    return Item(f"sr/{stem}/{name}.dcm", _written(dataset), uid)


def _written(dataset: Dataset) -> bytes:
    with BytesIO() as file:
        dcmwrite(file, dataset, enforce_file_format=True)
        return file.getvalue()
