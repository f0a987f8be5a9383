"""What do several drafting processes gain beside one?

    python -m benchmarks.pipeline [--studies 120] [--processes N] [--rows 2500] [--weights DIRECTORY]

Writes phantoms of real size (2,500 x 2,048, 12 bit; raw, JPEG lossless, JPEG-LS and JPEG 2000 in turn), two studies a patient,
one image each, and drafts them in one process and then in `--processes` (default: one a core), without retrieval, on the CPU.
Prints studies a processor second and a second, the share of the drafting phase in which the processes had studies in hand,
processor seconds over wall seconds of that phase a core, and the largest memory of all processes together. Peer, in the same
run: one process. The drafts of both must be the same.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLossless, JPEGLSLossless

from benchmarks.arguments import at_least, make_parser, positive
from benchmarks.timing import children
from cxrreport.demo.dicomfile import Identity, ImageTags, encode_pixels, make_image, make_uid, write_dicom
from cxrreport.engine.machine import cores
from cxrreport.phantoms.phantom import draw_frontal

SYNTAXES = (ExplicitVRLittleEndian, JPEGLossless, JPEGLSLossless, JPEG2000Lossless)
BITS = 12
ALONE = 2  # studies without a partner, as in the 120 of which 59 have a prior
DRAWN = 256  # side of a phantom before it is enlarged: what costs time here is reading it
NOISE = 0.004  # of the grey range: what a detector adds, and what makes compressed films large
TEXTS = "SELECT uid, findings, impression, comparison, inputs_sha256 FROM draft JOIN study ON study.id = study_id ORDER BY uid"


def write_export(folder: Path, studies: int, rows: int) -> None:
    """Write one frontal image a study: pairs of studies of a patient, and two patients with one study."""
    for number in range(studies):
        patient = number if number < ALONE else ALONE + (number - ALONE) // 2
        _write_study(folder / f"{number:04d}.dcm", number, patient, rows)


def _write_study(path: Path, number: int, patient: int, rows: int) -> None:
    syntax, uids = SYNTAXES[number % len(SYNTAXES)], [make_uid(what, number) for what in ("study", "series", "image")]
    taken = datetime(2024, 1, 1, 8) + timedelta(days=30 * (number % 2), minutes=number)
    tags = ImageTags(*uids, f"A{number}", taken, "PA", 1)
    sides = (rows * 2048 // 2500, rows)
    drawn = Image.fromarray(draw_frontal(patient, (), exposure_seed=number, side=DRAWN).pixels.astype(np.float32))
    grey = np.asarray(drawn.resize(sides, Image.Resampling.BICUBIC))
    grey = np.clip(grey + np.random.default_rng(number).normal(0, NOISE, grey.shape), 0, 1)
    image = make_image(grey, Identity(f"P{patient}", f"Phantom^{patient}", "19600101", "O"), tags)
    pixels = np.frombuffer(image.PixelData, np.uint16).reshape(grey.shape)
    image.file_meta.TransferSyntaxUID = syntax
    image.PixelData = encode_pixels(pixels, BITS, syntax)
    image["PixelData"].VR = "OB" if syntax.is_encapsulated else "OW"
    write_dicom(image, path)


def measure(export: Path, home: Path, processes: int, weights: Path | None) -> dict[str, Any]:
    """Draft the export in a process of its own; its numbers, and those of the run."""
    command = [sys.executable, "-m", "cxrreport", "--home", str(home), "--log-level", "error"]
    command += [
        "generate",
        str(export),
        "--without-retrieval",
        "--device",
        "cpu",
        "--drafters",
        str(processes),
        "--json",
    ]
    command += ["--weights", str(weights)] if weights else []
    environment, started = {**os.environ, "CXRREPORT_SETTLE_S": "0"}, time.perf_counter()
    with children() as used, subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        memory = _Memory(run.pid)
        printed, _ = run.communicate()
    wall_s = time.perf_counter() - started
    if run.returncode:
        sys.exit(f"The run has ended with {run.returncode}: {printed}")
    with sqlite3.connect(home / "cxrreport.db") as connection:
        counts = json.loads(connection.execute("SELECT counts FROM run").fetchone()[0])
        texts = connection.execute(TEXTS).fetchall()
    return {"wall_s": wall_s, "cpu_s": used.seconds, "peak_mb": memory.peak_mb, "texts": texts, **counts}


class _Memory(threading.Thread):
    """Looks at the memory of a process and all below it until it ends; what they share counts once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_mb = pid, 0.0
        self.start()

    def run(self) -> None:
        """Look twice a second."""
        while (found := sum(map(_shared_out_kb, _family(self.pid)))) > 0:
            self.peak_mb = max(self.peak_mb, found / 1024)
            time.sleep(0.5)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in _family(int(child)))]


def _shared_out_kb(pid: int) -> int:
    """Resident memory in KiB; pages that several have are shared out among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def row(found: dict[str, Any], processes: int) -> list[float]:
    """Numbers of one run."""
    stages, drafting = found["stages"], found["drafting"]
    work = sum(stages[name]["cpu_s"] for name in ("read", "register", "encode", "retrieve", "draft", "claim", "store"))
    used = work / (drafting["wall_s"] * min(processes, cores()))
    rates = [found["drafted"] / found["cpu_s"], found["drafted"] / found["wall_s"]]
    return [found["cpu_s"], found["wall_s"], *rates, drafting["busy"], used, found["peak_mb"]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both and their ratios."""
    parser = make_parser(__doc__)
    parser.add_argument("--studies", type=at_least(ALONE), default=120)
    parser.add_argument("--processes", type=at_least(2), default=max(2, cores()))
    parser.add_argument("--rows", type=positive, default=2500)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args(arguments)
    counts = [1, options.processes]
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export"
        export.mkdir()
        write_export(export, options.studies, options.rows)
        runs = [measure(export, Path(folder) / f"home{count}", count, options.weights) for count in counts]
    one, many = runs
    if one["texts"] != many["texts"]:
        sys.exit("The drafts differ.")
    print(
        f"{one['drafted']} studies, {one['paired']} with a prior, {options.rows} rows; {cores()} core(s); the same drafts"
    )
    print(f"{'processes':<10}{'CPU s':>9}{'wall s':>9}{'a CPU s':>9}{'a s':>9}{'busy':>9}{'used':>9}{'MiB':>9}")
    rows = [row(found, count) for found, count in zip(runs, counts, strict=True)]
    for name, cells in (*zip(counts, rows, strict=True), ("ratio", [b / a for a, b in zip(*rows, strict=True)])):
        print(f"{name:<10}" + "".join(f"{cell:9.3f}" for cell in cells))


if __name__ == "__main__":
    main()
