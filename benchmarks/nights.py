"""Made-up nights: an export of small radiographs, a tiny network of random numbers, and what one run on them has taken."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from benchmarks.scan import make_radiograph
from benchmarks.timing import children
from cxrreport.phantoms.phantom import draw_frontal
from cxrreport.store.engine import open_database

_SIDE = 128
_FACES = 16  # different patients; noise tells their films apart
_WORDS = "the heart is normal no pleural effusion pneumothorax lungs are clear right left lower lobe opacity"
_SETTINGS = ("--device", "cpu", "--beams", "1", "--batch-size", "64", "--without-retrieval", "--json")
_FAST = {
    "CXRREPORT_MAX_NEW_TOKENS": "8",
    "CXRREPORT_SETTLE_S": "0",
    "CXRREPORT_LOG_LEVEL": "error",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Night:
    """What one `generate` has taken. Seconds are those of processors, children included; bytes are what it added.

    stages : seconds by stage, as `runs --json` tells them; rest : of all that is no stage, such as the start.
    """

    studies: int
    paired: int
    files: int
    stages: dict[str, float]
    rest: float
    export_bytes: int
    database_bytes: int

    @property
    def seconds(self) -> float:
        """All of it."""
        return sum(self.stages.values()) + self.rest


def write_weights(directory: Path) -> Path:
    """Weights of a tiny network of random numbers, to which every film is frontal."""
    import torch

    from cxrreport.model.config import tiny
    from cxrreport.model.diffrgennet import DiffRGenNet
    from cxrreport.model.tokens import ReportTokenizer, prune_vocabulary
    from cxrreport.model.views import ViewClassifier
    from cxrreport.model.weights import save_weights

    torch.manual_seed(0)
    tokenizer = ReportTokenizer(prune_vocabulary([*_WORDS.split(), "[UNK]", "."], [("", _WORDS)], least=1))
    views = ViewClassifier()
    with torch.no_grad():
        views.linear.weight.zero_()
        views.linear.bias.copy_(torch.tensor([9.0, 0.0, 0.0]))
    network = DiffRGenNet(tiny(len(tokenizer))).eval()
    save_weights(directory, network, views, tokenizer, {"name": "random", "licence": "none"})
    return directory


def write_export(folder: Path, studies: int, paired: float) -> Path:
    """Write one frontal film a study; a share of the studies has the one just before as its prior."""
    chance, image = np.random.default_rng(0), _film()
    faces = [draw_frontal(seed, (), side=_SIDE).pixels for seed in range(_FACES)]
    patient = -1
    for number in range(studies):
        follows = number % round(1 / paired) == 1 if paired else False
        patient += not follows
        noisy = faces[patient % _FACES] * 3800 + chance.integers(0, 64, (_SIDE, _SIDE))
        _identify(image, number, patient)
        image.PixelData = noisy.astype("<u2").tobytes()
        path = folder / f"{number // 400:04d}" / f"{number:07d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save_as(path, enforce_file_format=True)
    return folder


def _film() -> Dataset:
    image = make_radiograph()
    image.Rows = image.Columns = _SIDE
    image.ViewPosition = "PA"
    return image


def _identify(image: Dataset, number: int, patient: int) -> None:
    image.PatientID, image.PatientName = f"P{patient}", f"Doe{patient}^Jane"
    image.StudyInstanceUID, image.SOPInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1"
    image.AccessionNumber, image.StudyDate = f"A{number}", f"{date(2024, 1, 1) + timedelta(days=number % 300):%Y%m%d}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID


def run_night(home: Path, export: Path, weights: Path, db: str | None, *options: str) -> Night:
    """Draft an export with a database of its own, in a process of its own."""
    start = [sys.executable, "-m", "cxrreport", "--quiet", "--home", str(home), *(("--db", db) if db else ())]
    environment = {**os.environ, **_FAST, "CXRREPORT_WEIGHTS": str(weights)}
    subprocess.run([*start, "db", "upgrade"], env=environment, capture_output=True, check=True)
    before, generate = _bytes(home, db), [*start, "generate", str(export), *_SETTINGS, *options]
    with children() as used:
        done = subprocess.run(generate, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    told = subprocess.run([*start, "runs", "--limit", "1", "--json"], capture_output=True, text=True, check=True)
    counts = json.loads(told.stdout)[0]["counts"]
    stages = {name: float(spent["cpu_s"]) for name, spent in counts["stages"].items()}
    size = sum(path.stat().st_size for path in export.rglob("*.dcm"))
    rest = max(0.0, used.seconds - sum(stages.values()))
    grown = _bytes(home, db) - before
    return Night(counts["drafted"], counts.get("paired", 0), counts["files"], stages, rest, size, grown)


def _bytes(home: Path, db: str | None) -> int:
    """Size of the database on disk; 0 where there is none yet."""
    if db is None:
        return sum(path.stat().st_size for path in home.glob("cxrreport.db*"))
    engine = open_database(db, home)
    try:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
    finally:
        engine.dispose()
