"""What does a scan cost where nothing has changed?

    python -m benchmarks.unchanged [--files 200000] [--folder FOLDER]

Makes files of one byte, 400 a folder (each takes a block of the disk: 1,000,000 of them 4 GB), enters them in a new database
as read, and prints processor seconds and the largest memory of `generate --dry-run`, start of the tool included. Peers, in the
same run: `find`, which looks at every file; and the same scan of a tenth of the files, whose memory must not be less.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import insert

from benchmarks.arguments import make_parser, positive
from benchmarks.memory import spent
from benchmarks.timing import children
from cxrreport.imaging.walk import walk
from cxrreport.store.engine import batches, open_database, prepare, session
from cxrreport.store.schema import FileRow


def write_tree(folder: Path, count: int) -> Path:
    """Write `count` files of one byte."""
    for number in range(count):
        if number % 400 == 0:
            place = folder / f"{number // 400:05d}"
            place.mkdir(parents=True)
        (place / f"{number:07d}.dcm").write_bytes(b"x")
    return folder


def enter(home: Path, export: Path) -> None:
    """Enter all files of the export in a new database, as read and no DICOM."""
    engine = open_database(None, home)
    prepare(engine)
    for batch in batches(walk([export], lambda *_: None), 10_000):
        what = {"outcome": "not_dicom", "previewed": False}
        rows = [{"path": e.path, "size": e.size, "mtime_ns": e.mtime_ns, **what} for e in batch]
        with session(engine) as s:
            s.execute(insert(FileRow), rows)
    engine.dispose()


def _find(export: Path) -> float:
    with children() as used:
        subprocess.run(["find", str(export), "-size", "+9"], check=True, capture_output=True)
    return used.seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what the scans take."""
    parser = make_parser(__doc__)
    parser.add_argument("--files", type=positive, default=200_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for count in (asked.files // 10, asked.files):
            export, home = write_tree(Path(folder) / f"{count}", count), Path(folder) / f"home{count}"
            enter(home, export)
            peer = _find(export)
            command = ("--quiet", "--home", str(home), "generate", str(export), "--dry-run")
            seconds, peak_mb = spent(*command)
            print(f"{count:8} files {seconds:8.2f} s {seconds / peer:6.1f} x find {peak_mb:6.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
