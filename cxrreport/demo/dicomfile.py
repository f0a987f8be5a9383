"""CR and DX objects around a phantom's pixels, in the transfer syntaxes of real archives.

Attributes follow PS3.3 A.2 (Computed Radiography) and A.26 (Digital X-Ray, for presentation).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from cxrreport.phantoms.canvas import Layer

Raw = npt.NDArray[np.uint16]

SYNTAXES: tuple[UID, ...] = (
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    JPEG2000Lossless,
    ImplicitVRLittleEndian,
    RLELossless,
    JPEGLossless,
)
LUT_ENTRIES = 4096
VIEW_CODES = {
    "PA": ("272479007", "SCT", "postero-anterior"),
    "AP": ("399348003", "SCT", "antero-posterior"),
    "LL": ("399173006", "SCT", "left lateral"),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A synthetic patient as the archive knows him."""

    patient_id: str
    name: str
    birth_date: str
    sex: str
    issuer: str = "DEMO"


@dataclass(frozen=True, slots=True)
class ImageTags:
    """How one image is described and stored."""

    study_uid: str
    series_uid: str
    sop_uid: str
    accession: str
    studied_at: datetime
    view: str  # PA, AP, LL
    series_number: int
    description: str = "XR CHEST"
    body_part: str = "CHEST"
    digital: bool = True  # DX, else CR
    inverted: bool = False  # MONOCHROME1
    lut: bool = False  # VOI LUT instead of a window
    blank_view: bool = False
    blank_body_part: bool = False
    syntax: UID = ExplicitVRLittleEndian
    model: str = "phantom"  # of the machine


def make_uid(*sources: object) -> str:
    """The same sources give the same UID."""
    return str(generate_uid(entropy_srcs=[str(source) for source in sources]))


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def quantise(grey: Layer, tags: ImageTags) -> tuple[Raw, int]:
    """Stored values and their bits. JPEG-LS carries 16 bits, everything else 12; MONOCHROME1 stores negatives."""
    bits = 16 if tags.syntax == JPEGLSLossless else 12
    top = (1 << bits) - 1
    shown = np.sqrt(grey) if tags.lut else grey  # the VOI LUT squares it again
    values = np.round((0.06 + 0.88 * shown) * top)
    return (top - values if tags.inverted else values).astype(np.uint16), bits


def encode_rle(pixels: Raw) -> bytes:
    """DICOM RLE (PS3.5 annex G): the high bytes, then the low bytes, each row packed by itself."""
    planes = [(pixels >> 8).astype(np.uint8), (pixels & 255).astype(np.uint8)]
    segments = [b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane) for plane in planes]
    padded = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    offsets = [2, 64, 64 + len(padded[0]), *[0] * 13]
    return np.asarray(offsets, dtype="<u4").tobytes() + b"".join(padded)


def encode_pixels(pixels: Raw, bits: int, syntax: UID) -> bytes:
    """Pixel Data in a transfer syntax, all of them lossless."""
    if syntax == JPEGLSLossless:
        return encapsulate([bytes(imagecodecs.jpegls_encode(pixels))])
    if syntax == JPEG2000Lossless:
        coded = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True, bitspersample=bits)
        return encapsulate([bytes(coded)])
    if syntax == JPEGLossless:
        return encapsulate([bytes(imagecodecs.ljpeg_encode(pixels, bitspersample=bits))])
    if syntax == RLELossless:
        return encapsulate([encode_rle(pixels)])
    return pixels.astype("<u2").tobytes()


def add_identity(dataset: Dataset, identity: Identity, tags: ImageTags) -> None:
    """Patient, study and series."""
    dataset.PatientName, dataset.PatientID = identity.name, identity.patient_id
    dataset.IssuerOfPatientID = identity.issuer
    dataset.PatientBirthDate, dataset.PatientSex = identity.birth_date, identity.sex
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = tags.study_uid, tags.series_uid
    dataset.SOPInstanceUID, dataset.AccessionNumber = tags.sop_uid, tags.accession
    dataset.StudyDate = dataset.SeriesDate = f"{tags.studied_at:%Y%m%d}"
    dataset.StudyTime = dataset.SeriesTime = f"{tags.studied_at:%H%M%S}"
    dataset.ContentDate = dataset.AcquisitionDate = dataset.StudyDate
    dataset.ContentTime = dataset.AcquisitionTime = dataset.StudyTime
    dataset.StudyID, dataset.StudyDescription = tags.accession, tags.description
    dataset.SeriesNumber, dataset.InstanceNumber = tags.series_number, 1
    dataset.ReferringPhysicianName = ""
    dataset.Manufacturer, dataset.InstitutionName = "cxrreport demo", "Demo Hospital"
    dataset.ManufacturerModelName, dataset.SoftwareVersions = tags.model, "1"
    dataset.DeviceSerialNumber = "0"


def add_view(dataset: Dataset, tags: ImageTags) -> None:
    """Body part and projection; left blank where the archive left them blank."""
    dataset.BodyPartExamined = "" if tags.blank_body_part else tags.body_part
    dataset.ViewPosition = "" if tags.blank_view else tags.view
    if tags.blank_body_part:
        dataset.StudyDescription = ""
    if not tags.digital and (tags.body_part == "LEG" or tags.blank_body_part):
        dataset.Laterality = "L" if tags.body_part == "LEG" else ""  # DX says it of the image
    blank = tags.blank_view and not tags.digital  # DX must tell its orientation
    dataset.PatientOrientation = "" if blank else (["P", "F"] if tags.view == "LL" else ["L", "F"])


def add_digital(dataset: Dataset, tags: ImageTags) -> None:
    """What a DX object holds beyond a CR one: detector, anatomy, intensity relationship."""
    chest = tags.body_part == "CHEST"
    region = code("51185008", "SCT", "Chest") if chest else code("72696002", "SCT", "Knee")
    dataset.AnatomicRegionSequence = [region]
    dataset.PresentationIntentType, dataset.DetectorType = "FOR PRESENTATION", "SCINTILLATOR"
    dataset.ImageLaterality = "U" if chest else "L"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LOG", 1 if tags.inverted else -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "INVERSE" if tags.inverted else "IDENTITY"
    dataset.LossyImageCompression, dataset.BurnedInAnnotation = "00", "NO"
    dataset.ImagerPixelSpacing, dataset.AcquisitionContextSequence = ["0.7", "0.7"], []
    dataset.PositionerType = ""
    if not tags.blank_view:
        dataset.ViewCodeSequence = [code(*VIEW_CODES[tags.view])]
    if not dataset.BodyPartExamined:
        del dataset.BodyPartExamined  # optional in DX, so blank means absent
        dataset.AnatomicRegionSequence = []
    if not dataset.ViewPosition:
        del dataset.ViewPosition


def add_display(dataset: Dataset, tags: ImageTags, bits: int) -> None:
    """A window over the stored range, or a VOI LUT of 4096 entries (PS3.3 C.11.2)."""
    top = (1 << bits) - 1
    if not tags.lut:
        dataset.WindowCenter, dataset.WindowWidth = str(round(0.5 * top)), str(round(0.88 * top))
        return
    ramp = np.clip((np.arange(LUT_ENTRIES) / (LUT_ENTRIES - 1) - 0.06) / 0.88, 0, 1)
    shown = 1 - (1 - ramp) ** 2 if tags.inverted else ramp**2
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation = [LUT_ENTRIES, 0, 16], "NORMAL"
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", np.round(shown * 65535).astype("<u2").tobytes())
    dataset.VOILUTSequence = [item]


def make_image(grey: Layer, identity: Identity, tags: ImageTags) -> Dataset:
    """The whole object, ready for `write_dicom`."""
    if tags.lut and tags.syntax == JPEGLSLossless:
        raise ValueError("the VOI LUT is written for 12 bits, JPEG-LS films have 16")
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation if tags.digital else ComputedRadiographyImageStorage
    dataset.Modality = "DX" if tags.digital else "CR"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    add_identity(dataset, identity, tags)
    add_view(dataset, tags)
    pixels, bits = quantise(grey, tags)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = "MONOCHROME1" if tags.inverted else "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    if tags.digital:
        add_digital(dataset, tags)
    add_display(dataset, tags, bits)
    dataset.add_new("PixelData", "OW", encode_pixels(pixels, bits, tags.syntax))
    if tags.syntax.is_encapsulated:
        dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = tags.syntax
    return dataset


def write_dicom(dataset: Dataset, path: Path) -> None:
    """Write a DICOM file with preamble and meta group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, dataset, enforce_file_format=True)


def write_bare(dataset: Dataset, path: Path) -> None:
    """Write the data set alone, implicit little endian, as old archives did: no preamble, no meta group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bare = Dataset()
    bare.update(dict(dataset.items()))
    dcmwrite(path, bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
