"""What do gates make of real films? A year of nights on IU X-Ray with its reports, and on NIH with labels as terse reports.

    python -m benchmarks.hospital iu|nih DIRECTORY [--limit 160] [--weights DIRECTORY]

Neither collection has dates: its studies are spread over a made-up year of four quarters, those of a patient in their order,
and signed three days later. A night a month: films are drafted, reports come in, drafts are judged, gates are turned by the
shipped rule. IU: `val` and `test`, one film a study, no priors. NIH: the patients of `val`; what their labels tell is
written as a report by rule, so that of what labels cannot tell (sides, sizes, changes, three findings) no report speaks.
Prints agreement by quarter, and what followed by night. Peer: none; every number stands beside its count.
"""

import csv
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.arguments import make_parser, positive
from cxrreport.datasets.disk import read_pixels
from cxrreport.datasets.nih import read_nih_films
from cxrreport.datasets.splits import drawn
from cxrreport.demo.dicomfile import Identity, ImageTags, make_image, make_uid, write_dicom
from cxrreport.demo.nights import Night, run_nights
from cxrreport.findings import FINDINGS
from cxrreport.log import configure
from cxrreport.settings import Settings, load_settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.judged import Judged, judged_drafts
from cxrreport.trust.tally import tally
from cxrreport.trust.used import in_use

FIRST, DAYS, MONTH, LATE = datetime(2024, 1, 1, 8), 360, timedelta(days=30), timedelta(days=3)
NORMAL = "No acute cardiopulmonary abnormality."
WORDS = {"lung lesion": "pulmonary nodule", "pleural other": "pleural thickening", "edema": "pulmonary edema"}
LEAST = 5  # studies that tell a finding, so that a quarter has a line of it


@dataclass(frozen=True, slots=True)
class Filed:
    """One study of a collection; `at` is made up."""

    key: str
    patient: str
    film: Path
    text: str
    at: datetime = FIRST


def read_iu(directory: Path, limit: int) -> list[Filed]:
    """Studies of `val` and `test` with a frontal film and findings, in the order of the table."""
    with (directory / "studies.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in ("val", "test") and row["findings"]]
    found = [one for row in rows for one in _iu(directory, row)]
    return drawn(found, [one.key for one in found], limit)


def _iu(directory: Path, row: dict[str, str]) -> Iterator[Filed]:
    frontal = next((item.partition(":")[0] for item in row["images"].split(";") if item.endswith(":Frontal")), None)
    if frontal:
        text = f"FINDINGS: {row['findings']}\n\nIMPRESSION: {row['impression']}\n"
        yield Filed(f"I{row['uid']}", row["uid"], directory / "images" / f"{frontal}.jpg", text)


def read_nih(directory: Path, limit: int) -> list[Filed]:
    """Films of the patients of `val`, whole patients as far as the limit goes; by the number of the follow-up."""
    films = list(read_nih_films(directory, "val"))
    patients = sorted({film.patient for film in films})
    kept = set(drawn(patients, patients, max(1, limit * len(patients) // len(films))))
    found = [Filed(one.key, one.patient, one.path, terse(one.positive)) for one in films if one.patient in kept]
    return sorted(found, key=lambda one: (one.key.rpartition("_")[2], one.key))


def terse(positive: Sequence[bool]) -> str:
    """Labels as a report: a word a finding."""
    told = [WORDS.get(name, name) for name, there in zip(FINDINGS[:-1], positive, strict=False) if there]
    text = " ".join(f"{name.capitalize()}." for name in told) or NORMAL
    return f"FINDINGS: {text}\n\nIMPRESSION: {text}\n"


def dated(studies: Sequence[Filed]) -> list[Filed]:
    """Spread over the year, in their order."""
    return [replace(one, at=FIRST + timedelta(days=DAYS * i / len(studies))) for i, one in enumerate(studies)]


def make_nights(studies: Sequence[Filed]) -> list[Night]:
    """Twelve, a month apart, and one more for what was signed in the next days."""
    ends = [FIRST + MONTH * (number + 1) for number in range(DAYS // 30 + 1)]
    return [
        Night(
            end,
            [partial(_write_film, study=one) for one in studies if end - MONTH <= one.at < end],
            [partial(_write_text, study=one) for one in studies if end - MONTH <= one.at + LATE < end],
        )
        for end in ends
    ]


def _write_film(folder: Path, study: Filed) -> None:
    uids = [make_uid(study.key, part) for part in ("study", "series", "image")]
    tags = ImageTags(uids[0], uids[1], uids[2], study.key, study.at.replace(microsecond=0), "PA", 1)
    grey = read_pixels(study.film) / 255
    write_dicom(make_image(grey, Identity(study.patient, "", "19600101", "O"), tags), folder / f"{study.key}.dcm")


def _write_text(folder: Path, study: Filed) -> None:
    (folder / f"{study.key}.txt").write_text(study.text, encoding="utf-8")


def judged_in(settings: Settings, since: datetime, until: datetime) -> list[Judged]:
    """The judged drafts of these days."""
    with open_archive(settings, read_only=True) as engine, session(engine, read_only=True) as s:
        return judged_drafts(s, in_use(settings).weights_sha256, since, until, 0, 100_000)


def quarter_lines(found: Sequence[Judged]) -> list[str]:
    """Errors and edits a study, and the counts of each finding that some tell."""
    errors, edits = (sum(getattr(one, name) for one in found) / max(1, len(found)) for name in ("errors", "edits"))
    lines = [f"{len(found)} judged, {errors:.2f} actionable errors and {edits:.2f} of the words changed a study"]
    for (finding, subject), cells in tally(found).items():
        if subject == "state" and cells.told >= LEAST:
            precision, sensitivity = (f"{one.hits}/{one.of}" for one in (cells.precision, cells.sensitivity))
            lines.append(f"  {finding:28}precision {precision:>7}  sensitivity {sensitivity:>7}")
    return lines


READERS: dict[str, Callable[[Path, int], list[Filed]]] = {"iu": read_iu, "nih": read_nih}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("name", choices=READERS)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--limit", type=positive, default=160)
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args(arguments)
    studies = dated(READERS[given.name](given.directory, given.limit))
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(home=Path(folder) / "home", weights=given.weights, device="cpu", log_level="error")
        configure(settings.log_level, settings.log_format)
        found = run_nights(settings, Path(folder), make_nights(studies), _tell)
        print(f"{len(studies)} studies of {len({one.patient for one in studies})} patients")
        for number in range(4):
            since = FIRST + 3 * number * MONTH
            print(f"quarter {number + 1}:", *quarter_lines(judged_in(settings, since, since + 3 * MONTH)), sep="\n")
    for event in found["events"]:
        print(*(event[name] for name in ("date", "what", "finding", "subject", "why") if name in event), sep="  ")
    return 0


def _tell(_: str, n: int, total: int | None = None) -> None:
    print(".", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
