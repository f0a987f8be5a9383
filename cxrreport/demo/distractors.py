"""What else lies in an export: other body parts, other modalities, damaged and foreign files, and one real image."""

from __future__ import annotations

import shutil
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.data.data_manager import external_data_sources
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import BasicTextSRStorage, CTImageStorage, ExplicitVRLittleEndian

from cxrreport.demo.dicomfile import Identity, ImageTags, add_identity, make_image, make_uid, write_dicom
from cxrreport.phantoms.leg import draw_leg

REAL_IMAGE = "RG1_UNCI.dcm"  # a lossy-compressed and restored public test image of the package pydicom-data
TAKEN = datetime(2023, 9, 4, 10, 30)


def write_distractors(pacs: Path, seed: int, side: int, sample: Path) -> None:
    """Everything that must be skipped, refused or counted once. `sample` is a good image to damage and to copy."""
    write_legs(pacs, seed, side)
    write_slice(pacs, seed)
    write_note(pacs, seed)
    damaged = sample.read_bytes()
    place(pacs / "vol2" / "c4" / "000017").write_bytes(damaged[: len(damaged) * 6 // 10])
    shutil.copyfile(sample, place(pacs / "vol3" / "f0" / "000003.dcm"))
    place(pacs / "vol3" / "f0" / "empty.dcm").touch()
    place(pacs / "vol1" / "README.TXT").write_text("Export of the demonstration archive. Synthetic images only.\n")
    with zipfile.ZipFile(place(pacs / "vol2" / "old_export.zip"), "w") as bundle:
        bundle.writestr(zipfile.ZipInfo("notes.txt", (2023, 1, 1, 0, 0, 0)), "nothing to see\n")


def place(path: Path) -> Path:
    """The path, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def other_tags(seed: int, name: str, **changes: object) -> ImageTags:
    """Tags of an object that is no chest image."""
    uids = [make_uid(seed, name, part) for part in ("study", "series", "image")]
    base = ImageTags(uids[0], uids[1], uids[2], f"X{name.upper()}"[:16], TAKEN, "AP", 1)
    return ImageTags(**{**{slot: getattr(base, slot) for slot in ImageTags.__slots__}, **changes})  # type: ignore[arg-type]


def write_legs(pacs: Path, seed: int, side: int) -> None:
    """Two knees: one that says so, one whose tags are blank and which only its pixels betray."""
    named = other_tags(seed, "leg1", description="XR KNEE", body_part="LEG")
    blank = other_tags(seed, "leg2", body_part="LEG", digital=False, blank_view=True, blank_body_part=True)
    for number, tags in enumerate((named, blank)):
        identity = Identity(f"D09{number:02d}", f"DEMO^KNEE {number:02d}", "19700101", "F")
        pixels = draw_leg(seed + number, side)
        write_dicom(make_image(pixels, identity, tags), pacs / "vol2" / "a7" / f"00000{number + 1}.dcm")


def write_slice(pacs: Path, seed: int) -> None:
    """One CT slice of a chest."""
    dataset = header(seed, "ct", CTImageStorage, "CT")
    dataset.ImageType, dataset.BodyPartExamined = ["ORIGINAL", "PRIMARY", "AXIAL"], "CHEST"
    dataset.Rows = dataset.Columns = 64
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.KVP, dataset.SliceThickness, dataset.PixelSpacing = "120", "5", ["5", "5"]
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = ["0", "0", "0"], ["1", "0", "0", "0", "1", "0"]
    dataset.add_new("PixelData", "OW", np.full((64, 64), 1024, dtype="<u2").tobytes())
    write_dicom(dataset, pacs / "vol2" / "a7" / "000009.dcm")


def write_note(pacs: Path, seed: int) -> None:
    """A structured report: DICOM, but no image."""
    dataset = header(seed, "sr", BasicTextSRStorage, "SR")
    dataset.CompletionFlag, dataset.VerificationFlag, dataset.ValueType = "COMPLETE", "UNVERIFIED", "CONTAINER"
    dataset.ContinuityOfContent = "SEPARATE"
    dataset.ContentSequence = []
    write_dicom(dataset, pacs / "vol2" / "a7" / "000010")


def header(seed: int, name: str, sop_class: str, modality: str) -> Dataset:
    """Patient, study and series of an object of another kind."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = sop_class, modality
    add_identity(dataset, Identity("D0950", "DEMO^OTHER", "19650505", "M"), other_tags(seed, name))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def copy_real_image(pacs: Path) -> Dataset | None:
    """Copy the public image RG1 of the test-only package pydicom-data; its header, or None where it is not installed."""
    source = external_data_sources().get("pydicom-data")
    if source is None:
        return None
    path = Path(str(source.get_path(REAL_IMAGE)))
    if not path.is_file():
        return None
    target = place(pacs / "vol3" / "9b" / "000001.dcm")
    shutil.copyfile(path, target)
    return dcmread(target, stop_before_pixels=True)
