"""How long does a night's scan take beside pydicom?

    python -m benchmarks.scan [--files 6000]

Writes small radiographs with long headers (150 elements and sequences, two images a study) and prints processor seconds a
file. Peer, in the same run: a loop over `pydicom.dcmread(stop_before_pixels=True)` that asks for twenty elements. Beside it
the header alone, `generate --dry-run` on the new files, and once more on the unchanged ones, start of the tool included.
The children that read headers are counted with it. The goal is eight times the peer's speed.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.arguments import make_parser, positive
from benchmarks.memory import spent
from cxrreport.imaging.header import read_header
from cxrreport.records import FileEntry

_DX = "1.2.840.10008.5.1.4.1.1.1.1"
_ASKED = (
    *("SOPInstanceUID", "StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate"),
    *("StudyTime", "AccessionNumber", "StudyDescription", "SeriesDescription", "InstitutionName", "Modality"),
    *("BodyPartExamined", "ViewPosition", "PatientOrientation", "ImageType", "Rows", "Columns", "BitsStored"),
)
_HEADER = {
    **{"SOPClassUID": _DX, "Modality": "DX", "ImageType": ["ORIGINAL", "PRIMARY"], "BodyPartExamined": "CHEST"},
    **{"PatientSex": "F", "PatientBirthDate": "19500101", "StudyTime": "101500"},
    **dict.fromkeys(("StudyDescription", "SeriesDescription"), "CHEST PA AND LATERAL"),
    **{"Rows": 16, "Columns": 16, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"},
    **{"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0},
}


def write_export(folder: Path, count: int) -> list[Path]:
    """Write `count` images of 16 x 16 pixels, four a patient."""
    image = make_radiograph()
    paths = []
    for number in range(count):
        study = number // 2
        image.PatientID, image.PatientName = f"P{number // 4}", f"Doe{number // 4}^Jane"
        image.StudyInstanceUID, image.SOPInstanceUID = f"1.2.3.{study}", f"1.2.3.{study}.{number % 2}"
        image.AccessionNumber, image.StudyDate = f"A{study}", f"2024{1 + study % 2:02d}05"
        image.ViewPosition = ("PA", "LL")[number % 2]
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        paths.append(folder / f"{number // 400:03d}" / f"{number:06d}.dcm")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        image.save_as(paths[-1], enforce_file_format=True)
    return paths


def make_radiograph() -> Dataset:
    """A radiograph of 16 x 16 pixels, of nobody yet, with a long header."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.TransferSyntaxUID = _DX, ExplicitVRLittleEndian
    for keyword, value in _HEADER.items():
        setattr(image, keyword, value)
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "36554-4", "LN", "XR Chest Single view"
    for tag in (0x00081032, 0x00082218, 0x00082228, 0x00540220):
        image.add_new(tag, "SQ", Items([item, item]))
    image.add_new(0x00190010, "LO", "ACME")
    for number in range(100):
        image.add_new(0x00191000 + number, "LO", f"PRIVATE {number}")
    image.PixelData = bytes(512)
    return image


def _by_pydicom(path: Path) -> None:
    found = pydicom.dcmread(path, stop_before_pixels=True)
    for keyword in _ASKED:
        found.get(keyword)


def _by_header(path: Path) -> None:
    read_header(FileEntry(str(path), os.path.getsize(path), 0))


def _loop(read: Callable[[Path], None], paths: Sequence[Path]) -> float:
    began = time.process_time()
    for path in paths:
        read(path)
    return time.process_time() - began


def _scan(home: Path, export: Path) -> float:
    """Processor seconds of a dry run in a process of its own, its children included."""
    return spent("--quiet", "--home", str(home), "generate", str(export), "--dry-run")[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what each takes, and its ratio to the peer."""
    parser = make_parser(__doc__)
    parser.add_argument("--files", type=positive, default=6000)
    count = parser.parse_args(arguments).files
    with tempfile.TemporaryDirectory() as folder:
        home, export = Path(folder) / "home", Path(folder) / "export"
        paths = write_export(export, count)
        peer = _loop(_by_pydicom, paths)
        taken = {"pydicom and 20 elements": peer, "header": _loop(_by_header, paths)}
        taken |= {name: _scan(home, export) for name in ("scan of new files", "scan of unchanged files")}
    for name, seconds in taken.items():
        print(f"{name:<26} {1000 * seconds / count:8.3f} ms a file {peer / seconds:8.1f} x")


if __name__ == "__main__":
    main()
