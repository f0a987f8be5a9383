"""What the end-to-end tests share: tiny weights with random numbers, a small export, and the command line on a home."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Connection, create_engine, text

from builders.dicom import CR, chest, write_dicom

ENVIRONMENT = {
    "CXRREPORT_DEVICE": "cpu",
    "CXRREPORT_WORKERS": "0",
    "CXRREPORT_DRAFTERS": "1",
    "CXRREPORT_SETTLE_S": "0",
    "CXRREPORT_BEAMS": "1",
    "CXRREPORT_MAX_NEW_TOKENS": "16",
    "CXRREPORT_LOG_LEVEL": "warning",
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "240",
}


# -- weights ----------------------------------------------------------------------------------------------------------


def build_weights(
    directory: Path, seed: int = 7, hyperbolic: bool = False, indications: bool = False, upright: bool = False
) -> Path:
    """Save a tiny network of random numbers whose findings differ from image to image and whose FAM is in use.

    upright : with the shipped part that tells how images lie.
    """
    import torch

    from cxrreport.model.config import tiny
    from cxrreport.model.diffrgennet import DiffRGenNet
    from cxrreport.model.revtaf.hyperbolic import HyperbolicHead
    from cxrreport.model.views import ViewClassifier
    from cxrreport.model.weights import load_weights, save_weights

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    tokenizer = build_tokenizer()
    network, views = DiffRGenNet(tiny(len(tokenizer))).eval(), ViewClassifier()
    if indications:
        network.read_indications()
    with torch.no_grad():
        network.gates.fill_(1.0)
        _spread_findings(network)
        views.linear.weight.zero_()
        views.linear.bias.copy_(torch.tensor([9.0, 0.0, 0.0]))  # whatever it sees is frontal
    head = HyperbolicHead(network.config.d_retrieval).eval() if hyperbolic else None
    lies = load_weights().upright if upright else None
    save_weights(
        directory, network, views, tokenizer, {"name": f"random {seed}", "licence": "none"}, head, upright=lies
    )
    return directory


def _spread_findings(network: Any) -> None:
    """Centre and stretch the classifier, so that the findings change from image to image."""
    import torch

    from cxrreport.imaging.preprocess import preprocess
    from cxrreport.model.drafter import stack_images
    from cxrreport.records import PreparedStudy

    studies = [PreparedStudy(preprocess(spotted_chest(seed).astype(np.float32))) for seed in range(100, 110)]
    pooled = network.encoder(*stack_images(studies)).pooled
    linear, width = network.classifier.linear, pooled.shape[1]
    torch.nn.init.normal_(linear.weight[:, :width])
    linear.weight[:, :width] *= 2 / (pooled.std(0) + 1e-3)
    linear.bias.copy_(-(linear.weight[:, :width] @ pooled.mean(0)))


def build_tokenizer() -> Any:
    """Return a tokenizer of a few words of reports."""
    from cxrreport.model.tokens import ReportTokenizer, prune_vocabulary

    text = "the heart is normal no pleural effusion pneumothorax lungs are clear right left lower lobe opacity"
    return ReportTokenizer(prune_vocabulary([*text.split(), "[UNK]", "."], [("", text)], least=1))


# -- the export -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """One study of the small export; `prior` and `reason` are what pairing must find."""

    accession: str
    patient: str
    date: str
    time: str = "101500"
    lateral: bool = False
    silent: bool = False  # the tags do not tell the view
    prior: str = ""
    reason: str = ""

    @property
    def uid(self) -> str:
        """StudyInstanceUID."""
        return f"1.2.9.{self.accession[1:]}"


VISITS = (
    Visit("A101", "P1", "20240105", lateral=True, reason="prior.none"),
    Visit("A102", "P1", "20240305", prior="A101"),
    Visit("A103", "P1", "20240601", lateral=True, prior="A102"),
    Visit("A201", "P2", "20240201", reason="prior.none"),
    Visit("A202", "P2", "20240220", lateral=True, prior="A201"),
    Visit("A301", "P3", "20240310", silent=True, reason="prior.none"),
    Visit("A401", "P4", "20240401", reason="prior.tie"),
    Visit("A402", "P4", "20240401", reason="prior.tie"),
)


def spotted_chest(seed: int) -> npt.NDArray[np.uint16]:
    """Draw a schematic image with a white spot of its own."""
    pixels = chest(seed=seed)
    y, x = np.random.default_rng(seed).integers(20, 90, 2)
    pixels[y : y + 40, x : x + 30] = 4095
    return pixels


def write_visit(folder: Path, visit: Visit, **tags: Any) -> list[Path]:
    """Write the images of one study."""
    number = int(visit.accession[1:])
    common = {
        "StudyInstanceUID": visit.uid,
        "PatientID": visit.patient,
        "StudyDate": visit.date,
        "StudyTime": visit.time,
        "AccessionNumber": visit.accession,
    }
    views = {"PA": number, "LL": number + 1000} if visit.lateral else {"PA": number}
    paths = []
    for view, seed in views.items():
        own = {"SOPInstanceUID": f"{visit.uid}.{seed}", "ViewPosition": view}
        if visit.silent:
            own |= {"ViewPosition": None, "SOPClassUID": CR, "Modality": "CR"}
        path = folder / visit.patient / f"{visit.accession}_{view}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.append(write_dicom(path, spotted_chest(seed), **(common | own | tags)))
    return paths


def write_export(folder: Path) -> Path:
    """Write all visits."""
    for visit in VISITS:
        write_visit(folder, visit)
    return folder


def write_reports(folder: Path) -> Path:
    """Write signed reports: three of the export as texts, eight of other patients in a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for accession, words in (("A101", "Clear lungs."), ("A102", "Right pleural effusion."), ("A201", "Normal heart.")):
        (folder / f"{accession}.txt").write_text(f"FINDINGS: {words}\n\nIMPRESSION: {words}\n")
    with (folder / "others.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["accession", "patient_id", "date", "findings", "impression"])
        for number in range(8):
            words = f"Opacity of the left lower lobe, {number + 1} cm."
            writer.writerow([f"X{number}", f"Q{number}", f"2023-0{number + 1}-05", words, words])
    return folder


# -- the command line -------------------------------------------------------------------------------------------------

REGISTERED: dict[bytes, Any] = {}  # what `remembering` has been asked


def set_environment(patch: pytest.MonkeyPatch, weights: Path) -> None:
    """Set what all tests of the command line use."""
    for name, value in (ENVIRONMENT | {"CXRREPORT_WEIGHTS": str(weights)}).items():
        patch.setenv(name, value)


@contextmanager
def log_put_back() -> Iterator[None]:
    """Put the handlers of the log back at the end: the tool writes to a stderr that ends with the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def remembering(register: Callable[..., Any]) -> Callable[..., Any]:
    """`register` that answers from memory what it was asked before: the same few images are laid upon one another all day."""

    def remembered(current: npt.NDArray[np.uint8], prior: npt.NDArray[np.uint8], *, elastic: bool = False) -> Any:
        digest = hashlib.sha256(
            repr((current.shape, prior.shape, elastic)).encode() + current.tobytes() + prior.tobytes()
        )
        key = digest.digest()
        if key not in REGISTERED:
            REGISTERED[key] = register(current, prior, elastic=elastic)
        return REGISTERED[key]

    return remembered


def new_home(folder: Path, database: bytes) -> Path:
    """Make a home with this SQLite in a folder."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "cxrreport.db").write_bytes(database)
    (home / "cxrreport.db").chmod(0o600)
    return home


class Tool:
    """`cxrreport` on one home, in this process. What it printed is in `out` and `err`."""

    def __init__(self, home: Path, db: str | None = None) -> None:
        self.home, self.db = home, db
        self.out = self.err = ""

    def __call__(self, *arguments: str | Path) -> int:
        """Run a command; returns the exit code."""
        from cxrreport.cli.main import call

        database = ["--db", self.db] if self.db else []
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            exit_code = call(["--home", str(self.home), *database, *map(str, arguments)])
        self.out, self.err = out.getvalue(), err.getvalue()
        return exit_code

    def json(self, *arguments: str | Path, code: int = 0) -> Any:
        """Run a command with --json that must end with `code`; returns its one document."""
        assert self(*arguments, "--json") == code, self.err
        return json.loads(self.out)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A transaction on the database, beside the tool."""
        engine = create_engine(self.db or f"sqlite:///{self.home / 'cxrreport.db'}")
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a query; those of one column as plain values."""
        with self.connection() as connection:
            found = connection.execute(text(statement), values).all()
        return [row[0] if len(row) == 1 else tuple(row) for row in found]

    def drafts(self) -> dict[str, int]:
        """Accession -> number of preliminary drafts."""
        return dict(
            self.rows(
                "SELECT study.accession, count(*) FROM draft JOIN study ON study.id = draft.study_id"
                " WHERE status = 'preliminary' GROUP BY 1 ORDER BY 1"
            )
        )

    def texts(self) -> dict[str, tuple[str, str, str]]:
        """Accession -> findings, impression and comparison of the preliminary draft."""
        found = self.rows(
            "SELECT study.accession, findings, impression, comparison FROM draft"
            " JOIN study ON study.id = draft.study_id WHERE status = 'preliminary' ORDER BY 1"
        )
        return {row[0]: row[1:] for row in found}


def copy_tree(source: Path, target: Path) -> Path:
    """Copy a folder with the times of its files."""
    return Path(shutil.copytree(source, target, copy_function=shutil.copy2))
