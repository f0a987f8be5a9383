"""Write real radiographs as a DICOM export, to try `cxrreport generate` on what hospitals have.

    python -m benchmarks.archives iu DATA/iu-xray OUT --limit 100        # with the collection's own DICOM headers
    python -m benchmarks.archives hannover DATA/hannover OUT             # patients with several images, dated by offset

The pictures are read in place; nothing of them goes into the project.
"""

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from benchmarks.arguments import make_parser

LONG_SIDE = 1024  # the collections hold small copies; real images are larger, decoding them is measured elsewhere
_TAGS = (
    *(
        "Accession Number",
        "Body Part Examined",
        "Modality",
        "Patient ID",
        "Patient's Birth Date",
        "Photometric Interpretation",
    ),
    *("Presentation LUT Shape", "SOP Class UID", "SOP Instance UID", "Series Instance UID", "Study Date"),
    *("Study Instance UID", "Study Time", "View Position"),
)
Export = Iterator[tuple[str, np.ndarray, dict[str, str]]]  # name of the file, pixels, tags by keyword


def write(path: Path, pixels: np.ndarray, tags: dict[str, str]) -> None:
    """Write 8-bit pixels (H, W) as 12 bits stored; MONOCHROME1 is inverted back."""
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    values = np.round(pixels.astype(np.float32) * (4095 / 255)).astype(np.uint16)
    if tags["PhotometricInterpretation"] == "MONOCHROME1":
        values = 4095 - values
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.set_pixel_data(values, tags["PhotometricInterpretation"], 12, generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def read_pixels(source: Path, rows: int = 0, columns: int = 0) -> np.ndarray:
    """Read a picture; rows and columns give it their shape, scaled to `LONG_SIDE`."""
    with Image.open(source) as picture:
        grey = picture.convert("L")
    if rows:
        scale = LONG_SIDE / max(rows, columns)
        grey = grey.resize((round(columns * scale), round(rows * scale)), Image.Resampling.BICUBIC)
    return np.asarray(grey)


def iu_images(data: Path, limit: int) -> Export:
    """Images of the first `limit` test studies, un-stretched and with their real headers."""
    with gzip.open(data / "dicom_headers.csv.gz", "rt", newline="") as lines:
        headers = {row["imageid"].removeprefix("CXR"): row for row in csv.DictReader(lines)}
    with (data / "studies.csv").open(newline="") as lines:
        studies = [row for row in csv.DictReader(lines) if row["split"] == "test"][:limit]
    for study in studies:
        for item in filter(None, study["images"].split(";")):
            name = item.partition(":")[0]
            row = headers[name]
            tags = {tag.replace("'s", "").replace(" ", ""): row[tag] for tag in _TAGS if row[tag]}
            pixels = read_pixels(data / "images" / f"{name}.jpg", int(row["Rows"]), int(row["Columns"]))
            yield f"{study['uid']}/{name}.dcm", pixels, tags


def hannover_images(data: Path, limit: int) -> Export:
    """Images of the first `limit` patients; the day of one is its distance from admission, the clock stands at noon."""
    with (data / "data.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if (data / "images" / f"{row['image_id']}.jpg").is_file()]
    wanted = list(dict.fromkeys(row["patient_id"] for row in rows))[:limit]
    for row in rows:
        name, offset = row["image_id"], row["admission_offset"]
        if row["patient_id"] in wanted and offset:
            kinds = {"image": "SOPInstanceUID", "study": "StudyInstanceUID", "series": "SeriesInstanceUID"}
            day = datetime(2020, 3, 1, 12) - timedelta(days=float(offset))
            tags = {keyword: generate_uid(entropy_srcs=[kind, name]) for kind, keyword in kinds.items()}
            tags |= {
                "SOPClassUID": ComputedRadiographyImageStorage, "Modality": "CR", "AccessionNumber": name,
                "PatientID": row["patient_id"], "PatientSex": row["sex"].upper(), "StudyDate": f"{day:%Y%m%d}",
                "StudyTime": f"{day:%H%M%S}", "ViewPosition": row["projection"].upper(),
                "PhotometricInterpretation": "MONOCHROME2",
            }  # fmt: skip
            yield f"{row['patient_id']}/{name}.dcm", read_pixels(data / "images" / f"{name}.jpg"), tags


def main() -> None:
    """Write the export and say how many images it has."""
    parser = make_parser(__doc__)
    parser.add_argument("collection", choices=["iu", "hannover"])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, default=10_000, help="studies (iu) or patients (hannover)")
    options = parser.parse_args()
    images, count = {"iu": iu_images, "hannover": hannover_images}[options.collection](options.data, options.limit), 0
    for count, (name, pixels, tags) in enumerate(images, start=1):  # noqa: B007
        write(options.out / name, pixels, tags)
    print(f"{count} images in {options.out}")


if __name__ == "__main__":
    main()
