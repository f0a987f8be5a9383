"""Write real films as a DICOM export, to try `cxrreport generate` on what hospitals have.

    python -m benchmarks.archives iu DATA/iu-xray OUT --limit 100        # with the collection's own DICOM headers
    python -m benchmarks.archives hannover DATA/hannover OUT             # patients with several films, dated by offset

The films are read in place; nothing of them goes into the project.
"""

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from benchmarks.arguments import make_parser

CR = "1.2.840.10008.5.1.4.1.1.1"
LONG_SIDE = 1024  # the collections hold small copies; real films are larger, decoding them is measured elsewhere
_TAGS = {
    "Accession Number": "AccessionNumber",
    "Body Part Examined": "BodyPartExamined",
    "Modality": "Modality",
    "Patient ID": "PatientID",
    "Patient's Birth Date": "PatientBirthDate",
    "Photometric Interpretation": "PhotometricInterpretation",
    "Presentation LUT Shape": "PresentationLUTShape",
    "SOP Class UID": "SOPClassUID",
    "SOP Instance UID": "SOPInstanceUID",
    "Series Instance UID": "SeriesInstanceUID",
    "Study Date": "StudyDate",
    "Study Instance UID": "StudyInstanceUID",
    "Study Time": "StudyTime",
    "View Position": "ViewPosition",
}


def write(path: Path, film: np.ndarray, tags: dict[str, str]) -> None:
    """Write an 8-bit film (H, W) as 12 bits stored; MONOCHROME1 is inverted back."""
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    values = np.round(film.astype(np.float32) * (4095 / 255)).astype(np.uint16)
    if tags["PhotometricInterpretation"] == "MONOCHROME1":
        values = 4095 - values
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def resized(source: Path, rows: int, columns: int) -> np.ndarray:
    """Read a film and give it the shape rows x columns, scaled to `LONG_SIDE`."""
    scale = LONG_SIDE / max(rows, columns)
    with Image.open(source) as picture:
        return np.asarray(picture.convert("L").resize((round(columns * scale), round(rows * scale)), Image.BICUBIC))


def iu_films(data: Path, limit: int) -> Iterator[tuple[str, np.ndarray, dict[str, str]]]:
    """Films of the first `limit` test studies, un-stretched and with their real headers."""
    with gzip.open(data / "dicom_headers.csv.gz", "rt", newline="") as lines:
        headers = {row["imageid"].removeprefix("CXR"): row for row in csv.DictReader(lines)}
    with (data / "studies.csv").open(newline="") as lines:
        studies = [row for row in csv.DictReader(lines) if row["split"] == "test"][:limit]
    for study in studies:
        for item in filter(None, study["images"].split(";")):
            name = item.partition(":")[0]
            row = headers[name]
            tags = {keyword: row[column] for column, keyword in _TAGS.items() if row[column]}
            film = resized(data / "images" / f"{name}.jpg", int(row["Rows"]), int(row["Columns"]))
            yield f"{study['uid']}/{name}.dcm", film, tags


def hannover_films(data: Path, limit: int) -> Iterator[tuple[str, np.ndarray, dict[str, str]]]:
    """Films of the first `limit` patients; the day of a film is its distance from admission, the clock stands at noon."""
    with (data / "data.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if (data / "images" / f"{row['image_id']}.jpg").is_file()]
    wanted = list(dict.fromkeys(row["patient_id"] for row in rows))[:limit]
    for row in rows:
        offset = row["admission_offset"]
        if row["patient_id"] not in wanted or not offset:
            continue
        day = datetime(2020, 3, 1, 12) - timedelta(days=float(offset))
        with Image.open(data / "images" / f"{row['image_id']}.jpg") as picture:
            film = np.asarray(picture.convert("L"))
        study = generate_uid(entropy_srcs=["study", row["image_id"]])
        yield (
            f"{row['patient_id']}/{row['image_id']}.dcm",
            film,
            {
                "SOPClassUID": CR,
                "SOPInstanceUID": generate_uid(entropy_srcs=["image", row["image_id"]]),
                "StudyInstanceUID": study,
                "SeriesInstanceUID": generate_uid(entropy_srcs=["series", row["image_id"]]),
                "PatientID": row["patient_id"],
                "PatientSex": row["sex"].upper(),
                "AccessionNumber": row["image_id"],
                "StudyDate": f"{day:%Y%m%d}",
                "StudyTime": f"{day:%H%M%S}",
                "Modality": "CR",
                "ViewPosition": row["projection"].upper(),
                "PhotometricInterpretation": "MONOCHROME2",
            },
        )


def main() -> None:
    """Write the export and say how many films it has."""
    parser = make_parser(__doc__)
    parser.add_argument("collection", choices=["iu", "hannover"])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit", type=int, default=10_000, help="studies (iu) or patients (hannover)")
    options = parser.parse_args()
    films = {"iu": iu_films, "hannover": hannover_films}[options.collection](options.data, options.limit)
    count = 0
    for name, film, tags in films:
        write(options.out / name, film, tags)
        count += 1
    print(f"{count} films in {options.out}")


if __name__ == "__main__":
    main()
