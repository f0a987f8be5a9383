"""Small valid DICOM files for tests: a schematic chest image in any transfer syntax, with any tag changed."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import UID

CR = "1.2.840.10008.5.1.4.1.1.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
NATIVE = (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED)
LOSSLESS = (*NATIVE, RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K)


def chest(rows: int = 160, columns: int = 136, bits: int = 12, seed: int = 0) -> npt.NDArray[np.uint16]:
    """Draw a schematic frontal image: air dark, body bright, two dark lungs, a heart; uint16 of `bits` bits."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    pixels = 0.72 / (1 + np.exp(30 * (np.abs(x) - 0.86)))
    for centre in (-0.42, 0.42):
        pixels -= 0.38 / (1 + np.exp(25 * (np.hypot((x - centre) / 0.3, (y + 0.05) / 0.65) - 1)))
    pixels += 0.18 / (1 + np.exp(20 * (np.hypot((x - 0.15) / 0.35, (y - 0.4) / 0.3) - 1)))
    pixels += np.random.default_rng(seed).normal(0, 0.01, pixels.shape)
    return np.round(np.clip(pixels + 0.05, 0, 1) * ((1 << bits) - 1)).astype(np.uint16)


def write_dicom(
    path: Path, pixels: npt.NDArray[Any] | None = None, syntax: str = EXPLICIT, bits: int = 12, **tags: Any
) -> Path:
    """Write a DX image. `tags` are DICOM keywords; a value of None leaves the tag out.

    `pixels` are stored values (rows, columns), int8 to uint16; the default is `chest(bits=bits)`.
    """
    pixels = chest(bits=bits) if pixels is None else pixels
    dataset = header(pixels, bits, **tags)
    if "PixelData" not in tags:
        dataset.PixelData = encode(pixels, syntax, bits)
    dataset["PixelData"].VR = "OW"
    dataset["PixelData"].is_undefined_length = syntax not in NATIVE
    return write_dataset_file(path, dataset, syntax)


def header(pixels: npt.NDArray[Any], bits: int = 12, **tags: Any) -> Dataset:
    """Build the elements of a DX chest image without its Pixel Data."""
    cell = pixels.dtype.itemsize * 8
    values: dict[str, Any] = {
        "SOPClassUID": DX,
        "SOPInstanceUID": "1.2.3.4.1",
        "StudyInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3.5",
        "PatientID": "P1",
        "PatientName": "Poe^Jane",
        "PatientBirthDate": "19500102",
        "PatientSex": "F",
        "StudyDate": "20240305",
        "StudyTime": "101500",
        "AccessionNumber": "A1",
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "PhotometricInterpretation": "MONOCHROME2",
        "SamplesPerPixel": 1,
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": cell,
        "BitsStored": min(bits, cell),
        "HighBit": min(bits, cell) - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    dataset = Dataset()
    for keyword, value in (values | tags).items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def write_dataset_file(path: Path, dataset: Dataset, syntax: str = EXPLICIT) -> Path:
    """Write any data set as a DICOM file of the given transfer syntax."""
    dataset.file_meta = _meta(syntax, dataset)
    if syntax == DEFLATED:
        body = _buffer()
        write_dataset(body, dataset)
        return write_deflated(path, body.getvalue(), dataset.file_meta)
    implicit, little = syntax == IMPLICIT, syntax != BIG_ENDIAN
    dcmwrite(path, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return path


def write_deflated(path: Path, body: bytes, meta: FileMetaDataset | None = None) -> Path:
    """Write a deflated file around the given explicit little endian elements."""
    buffer = _buffer()
    write_file_meta_info(buffer, meta or _meta(DEFLATED, Dataset()))
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(b"\0" * 128 + b"DICM" + buffer.getvalue() + deflater.compress(body) + deflater.flush())
    return path


def _meta(syntax: str, dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = UID(dataset.get("SOPClassUID") or DX)
    meta.MediaStorageSOPInstanceUID = UID(dataset.get("SOPInstanceUID") or "1.2.3.4.1")
    return meta


def _buffer() -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    return buffer


def encode(pixels: npt.NDArray[Any], syntax: str = EXPLICIT, bits: int = 12) -> bytes:
    """Encode stored values as the content of Pixel Data."""
    if syntax in NATIVE:
        return pixels.astype(pixels.dtype.newbyteorder(">" if syntax == BIG_ENDIAN else "<")).tobytes()
    return bytes(encapsulate([encode_frame(pixels, syntax, bits)]))


def encode_frame(pixels: npt.NDArray[Any], syntax: str, bits: int = 12) -> bytes:
    """Encode stored values as one compressed frame."""
    if syntax == RLE:
        return _rle(pixels)
    unsigned = np.ascontiguousarray(pixels.view(f"u{pixels.dtype.itemsize}"))
    if syntax == JPEG_BASELINE:
        return bytes(imagecodecs.jpeg8_encode(unsigned, level=95))
    if syntax == JPEG_EXTENDED:
        return bytes(imagecodecs.jpeg8_encode(unsigned, level=95, bitspersample=12))
    if syntax == JPEG_LOSSLESS:
        return bytes(imagecodecs.ljpeg_encode(unsigned, bitspersample=bits))
    if syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(unsigned))
    if syntax == HTJ2K:
        return bytes(imagecodecs.htj2k_encode(unsigned, reversible=True))
    return bytes(imagecodecs.jpeg2k_encode(unsigned, level=0, reversible=True, codecformat="j2k", bitspersample=bits))


def _rle(pixels: npt.NDArray[Any]) -> bytes:
    bits = 8 * pixels.itemsize
    facts = {"rows": pixels.shape[0], "columns": pixels.shape[1], "bits_allocated": bits, "bits_stored": bits}
    facts |= {"samples_per_pixel": 1, "number_of_frames": 1, "pixel_representation": int(pixels.dtype.kind == "i")}
    return RLELosslessEncoder.encode(
        pixels, encoding_plugin="pydicom", photometric_interpretation="MONOCHROME2", **facts
    )
