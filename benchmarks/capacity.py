"""How long does a night take with N studies and M drafters, what holds it up, and what does it leave on the disk?

    python -m benchmarks.capacity [--sizes 1000 5000] [--paired 0.2] [--db postgresql://…/empty]
    python -m benchmarks.capacity --run RUNS.json [--row 0] [--weigh 6000 10000000]

Without --run it drafts made-up exports of two sizes with a tiny network, predicts the larger from the smaller, and prints
both, in processor seconds and bytes of the database, with the error. The peer of a prediction is the run that it foretells.
RUNS.json is what `cxrreport runs --json` has printed on the machine in question, with its network; --weigh says what
the database and the films of a study weigh there, in bytes. Then it prints the table: a drafter is one core (or GPU) as the
measured one; the scan and the writer are one process.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arguments import at_least, make_parser, positive, share
from benchmarks.nights import Night, run_night, write_export, write_weights

_BEFORE = ("scan", "views", "due")  # stages of the run itself, one after another, before the first draft
_BESIDE = ("claim", "store")  # of the run itself, while the drafters draft
_STUDIES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_DRAFTERS = (2, 16, 800)


@dataclass(frozen=True)
class Rates:
    """Processor seconds: of a start, and a study; bytes a study."""

    start: float
    before: float
    beside: float
    work: float
    database: float
    export: float

    @classmethod
    def of(cls, night: Night) -> "Rates":
        """What a night tells of others: every stage grows with the studies, all else does not."""
        taken = {name: seconds / night.studies for name, seconds in night.stages.items()}
        before, beside = (sum(taken.pop(name, 0.0) for name in names) for names in (_BEFORE, _BESIDE))
        database, export = night.database_bytes / night.studies, night.export_bytes / night.studies
        return cls(night.rest, before, beside, sum(taken.values()), database, export)

    def seconds(self, studies: int) -> float:
        """Processor seconds of a night, over all processes."""
        return self.start + studies * (self.before + self.beside + self.work)

    def night(self, studies: int, drafters: int) -> tuple[float, str]:
        """Hours, where every process has a core to itself, and what holds it up."""
        terms = {"scan": self.before, "writer": self.beside, "drafters": self.work / drafters}
        hours = (self.start + studies * (terms["scan"] + max(terms["writer"], terms["drafters"]))) / 3600
        return hours, max(terms, key=terms.__getitem__)


def compare(foretold: Rates, night: Night) -> list[str]:
    """Lines: what was foretold of a night, what it took, and the error."""
    rows = {
        "processor seconds": (foretold.seconds(night.studies), night.seconds),
        "database, MB": (foretold.database * night.studies / 1e6, night.database_bytes / 1e6),
    }
    return [
        f"{name:<20} foretold {said:10.1f}  taken {took:10.1f}  error {said / took - 1:+.1%}"
        for name, (said, took) in rows.items()
    ]


def table(rates: Rates) -> list[str]:
    """Rows of Markdown: studies, drafters, hours, what holds it up, and growth."""
    lines = ["| studies | drafters | hours | held up by | films read | database |", "|---|---|---|---|---|---|"]
    for studies in _STUDIES:
        for drafters in _DRAFTERS:
            hours, why = rates.night(studies, drafters)
            sizes = f"{_size(studies * rates.export)} | {_size(studies * rates.database)}"
            lines.append(f"| {studies:,} | {drafters} | {_hours(hours)} | {why} | {sizes} |")
    return lines


def _hours(hours: float) -> str:
    return f"{hours:.2g}" if hours < 10 else f"{hours:,.0f}"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def read_run(path: Path, row: int, weigh: Sequence[int]) -> Night:
    """A run as `cxrreport runs --json` tells it, of studies that weigh so much in the database and as films."""
    counts = json.loads(path.read_text())[row]["counts"]
    stages = {name: float(spent["cpu_s"]) for name, spent in counts["stages"].items()}
    drafted = counts["drafted"]
    database, films = (drafted * each for each in weigh)
    return Night(drafted, counts.get("paired", 0), counts["files"], stages, 0.0, films, database)


def _print(name: str, night: Night) -> None:
    print(f"{name}: {night.studies} studies, {night.paired} with a prior; processor ms a study", flush=True)
    for stage, seconds in sorted(night.stages.items(), key=lambda one: -one[1]):
        print(f"  {stage:<12} {1000 * seconds / night.studies:8.2f}")
    print(
        f"  not of a stage: {night.rest:.1f} s; database {night.database_bytes / night.studies:,.0f} bytes a study",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, compare, print the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--sizes", type=at_least(10), nargs=2, default=(1000, 5000))
    parser.add_argument("--paired", type=share, default=0.2, help="share of the studies that have a prior, at most .5")
    parser.add_argument("--drafters", type=positive, default=1)
    parser.add_argument("--db", nargs=2, metavar="URL", default=(None, None), help="two empty databases of PostgreSQL")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--row", type=int, default=0)
    parser.add_argument("--weigh", type=positive, nargs=2, default=(6_000, 10_000_000), metavar="BYTES")
    asked = parser.parse_args(arguments)
    if asked.run:
        rates = Rates.of(read_run(asked.run, asked.row, asked.weigh))
    else:
        rates = _measure(asked.sizes, asked.paired, asked.drafters, asked.db)
    print("\n".join(table(rates)))


def _measure(sizes: Sequence[int], paired: float, drafters: int, urls: Sequence[str | None]) -> Rates:
    nights = []
    with tempfile.TemporaryDirectory() as folder:
        weights = write_weights(Path(folder) / "weights")
        for size, url in zip(sizes, urls, strict=True):
            home, export = Path(folder) / f"home-{size}", write_export(Path(folder) / f"export-{size}", size, paired)
            home.mkdir(mode=0o700)
            nights.append(run_night(home, export, weights, url, "--drafters", str(drafters), "--workers", "0"))
            _print("night", nights[-1])
    rates = Rates.of(nights[0])
    print("\n".join(compare(rates, nights[1])))
    return rates


if __name__ == "__main__":
    main()
