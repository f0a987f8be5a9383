"""The picture of a draft as a Secondary Capture: what is to be seen where a viewer does not show the boxes of TID 1500.

It is compressed as JPEG baseline, which every viewer reads. The film itself is in the study already, as it was taken.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from highdicom.sc import SCImage
from PIL.Image import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from cxrreport.export.dicom.concepts import DERIVATION, concept
from cxrreport.export.dicom.evidence import Evidence

_QUALITY = 90  # letters and lines stay clean
_HALF_COLOUR = "4:2:2"  # what YBR_FULL_422 says
_WHOSE = {  # of highdicom's arguments, and where they stand
    "study_instance_uid": "StudyInstanceUID",
    "accession_number": "AccessionNumber",
    "study_id": "StudyID",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
}


def capture(picture: Image, evidence: Evidence, **common: Any) -> Dataset:
    """Return the image in the study of the current film; `common` are identifiers and equipment for highdicom."""
    whose: dict[str, Any] = {name: evidence.current[keyword].value or None for name, keyword in _WHOSE.items()}
    image = SCImage(
        np.asarray(picture.convert("RGB")),
        "RGB",
        8,
        "PATIENT",
        patient_orientation=("L", "F"),
        referring_physician_name="",
        **whose,
        **common,
    )
    _compress(image, picture)
    _tell(image, evidence)
    return image


def _compress(image: Dataset, picture: Image) -> None:
    with BytesIO() as file:
        picture.convert("RGB").save(file, format="JPEG", quality=_QUALITY, subsampling=_HALF_COLOUR)
        encoded = file.getvalue()
    image.LossyImageCompression = "01"
    image.LossyImageCompressionRatio = round(len(image.PixelData) / len(encoded), 2)
    image.LossyImageCompressionMethod = "ISO_10918_1"
    image.PhotometricInterpretation = "YBR_FULL_422"
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.PixelData = encapsulate([encoded])
    image["PixelData"].is_undefined_length = True


def _tell(image: Dataset, evidence: Evidence) -> None:
    """What it is: a rendering that bears its label, made of the films."""
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.ConversionType = "WSD"
    image.BurnedInAnnotation = "YES"
    image.DerivationDescription = "Current film, registered prior, their difference, and the regions of an AI draft"
    image.DerivationCodeSequence = [concept(DERIVATION)]
    image.SourceImageSequence = [_reference(film) for film in evidence.films]
    image.BodyPartExamined = "CHEST"
    image.PatientOrientation = ""  # several pictures side by side have none


def _reference(film: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = film.SOPClassUID, film.SOPInstanceUID
    return item
