"""Does the memory of an export to tables grow with the archive?

    python -m benchmarks.exports [--drafts 10000] [--format jsonl --format csv --format parquet]

Fills a database with drafts whose films are away, exports a tenth of it and all of it in processes of their own, and prints
CPU seconds, largest resident size and the size of the files, and their ratios. Peer: the same tool on a tenth of the drafts.
"""

import tempfile
from pathlib import Path

from benchmarks.arguments import make_parser, positive
from benchmarks.memory import spent
from benchmarks.worklist import fill

TABLES = ("jsonl", "csv", "parquet")


def export(folder: Path, count: int, formats: tuple[str, ...]) -> tuple[float, float, float]:
    """CPU seconds, largest resident size and size of the files in MiB."""
    fill(folder / "home", count)
    out, wanted = folder / "out", [word for name in formats for word in ("--format", name)]
    seconds, peak = spent("--home", str(folder / "home"), "export", *wanted, str(out), "--json")
    return seconds, peak, sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 2**20


def main() -> None:
    """Print the figures of both exports and their ratios."""
    parser = make_parser(__doc__)
    parser.add_argument("--drafts", type=positive, default=10_000)
    parser.add_argument("--format", dest="formats", choices=TABLES, action="append")
    arguments, found = parser.parse_args(), []
    with tempfile.TemporaryDirectory() as folder:
        for count in (max(1, arguments.drafts // 10), arguments.drafts):
            found.append(export(Path(folder) / str(count), count, tuple(arguments.formats or TABLES)))
            seconds, peak, size = found[-1]
            print(f"{count:7} drafts  {seconds:7.1f} CPU s  {peak:6.0f} MiB  files {size:7.2f} MiB", flush=True)
        print("ratio           " + "  ".join(f"{more / less:.2f}" for less, more in zip(*found)))


if __name__ == "__main__":
    main()
