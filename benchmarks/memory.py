"""Does the memory of `cxrreport generate` grow with the archive?

    python -m benchmarks.memory [--patients 6]

Draws a hospital and one four times as large, indexes and drafts both in processes of their own, and prints the largest resident
size of each and their ratio. Peer: the same tool on the smaller archive.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.arguments import make_parser
from benchmarks.timing import children
from cxrreport.demo.hospital import build_hospital

_CHILD = "import sys; from cxrreport.cli.main import call; code = call(sys.argv[1:]); import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"  # noqa: E501


def peak_mb(*arguments: str) -> float:
    """Run a command of the tool in a process of its own; its largest resident size in MiB."""
    command = [sys.executable, "-c", _CHILD, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return int(done.stdout.split()[-1]) / 1024


def spent(*arguments: str) -> tuple[float, float]:
    """Run a command of the tool in a process of its own; its CPU seconds and largest resident size in MiB."""
    with children() as used:
        peak = peak_mb(*arguments)
    return used.seconds, peak


def main() -> None:
    """Print both sizes and the ratio."""
    parser = make_parser(__doc__)
    parser.add_argument("--patients", type=int, default=6)
    patients = parser.parse_args().patients
    peaks = []
    for count in (patients, 4 * patients):
        with tempfile.TemporaryDirectory() as folder:
            hospital = build_hospital(Path(folder) / "hospital", patients=count)
            home = ["--home", f"{folder}/home", "--log-level", "error"]
            peak_mb(*home, "index", str(hospital.reports))
            peaks.append(peak_mb(*home, "generate", str(hospital.pacs), "--json"))
            print(f"{len(hospital.studies):4} studies  {peaks[-1]:7.0f} MiB")
    print(f"ratio         {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
