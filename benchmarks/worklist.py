"""Does an HTML export hold its memory, and its worklist its speed, with 10,000 drafts?

    python -m benchmarks.worklist [--drafts 10000]

Fills a database with drafts whose films are away, exports a tenth of it and all of it in processes of their own, and prints
CPU seconds, largest resident size and the size of the worklist, and their ratios. Where Chromium is installed it opens the
larger worklist and prints how long loading, filtering, searching and sorting take. Peer: the same tool on a tenth of it.
"""

import random
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import which

from sqlalchemy.orm import Session

from benchmarks.arguments import make_parser, positive
from benchmarks.memory import spent
from cxrreport.drafts import PRIORITIES, Draft, Finding, Provenance, Region, Span
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.store.drafts import save_drafts
from cxrreport.store.engine import open_database, prepare, session
from cxrreport.store.runs import begin_run
from cxrreport.store.schema import PatientRow, StudyRow

_BATCH = 500
_TEXT = "There is a new right pleural effusion. The heart is mildly enlarged. No pneumothorax is seen."
_STEPS = {
    "search": "const field = document.querySelector('[name=text]'); field.value = 'effusion 77';"
    " field.dispatchEvent(new Event('input', { bubbles: true }))",
    "filter": "document.getElementById('filters').reset();"
    " const field = document.querySelector('[name=finding]'); field.value = 'edema';"
    " field.dispatchEvent(new Event('input', { bubbles: true }))",
    "sort": "document.querySelector('th[data-name=patient] button').click()",
}


def fill(home: Path, count: int, seed: int = 0) -> None:
    """Make a home with so many drafts, two studies a patient, each later one with the earlier one as its prior."""
    chance, engine = random.Random(seed), open_database(None, home, 10)
    prepare(engine)
    with session(engine) as s:
        run = begin_run(s, ["generate"], "host", {})
    for start in range(0, count, _BATCH):
        with session(engine) as s:
            studies = [_study(s, number) for number in range(start, min(count, start + _BATCH))]
            save_drafts(
                s, run, [_draft(study, studies[i - 1] if i % 2 else None, chance) for i, study in enumerate(studies)]
            )
    engine.dispose()


def _study(s: Session, number: int) -> int:
    if number % 2 == 0:
        birth = date(1930, 1, 1) + timedelta(days=number)
        s.add(PatientRow(id=number + 1, issuer="", mrn=f"M{number:07}", birth_date=birth, sex="FM"[number // 2 % 2]))
    at = datetime(2024, 1, 1) + timedelta(minutes=13 * number)
    row = StudyRow(
        id=number + 1,
        uid=f"1.2.826.0.1.3680043.8.498.{number}",
        patient_id=number - number % 2 + 1,
        studied_at=at,
        time_known=True,
        sex="FM"[number // 2 % 2],
        name_sha256="",
        accession=f"A{number:07}",
        description="CHEST PA",
        institution=f"House {number % 7}",
        age_years=50.0 + number % 40,
    )
    s.add(row)
    s.flush()
    return row.id


def _draft(study: int, prior: int | None, chance: random.Random) -> Draft:
    findings = tuple(_finding(name, prior is not None, chance) for name in FINDINGS)
    first = findings[0]
    return Draft(
        study_id=study,
        prior_study_id=prior,
        prior_reason="" if prior else "prior.none",
        findings=_TEXT,
        impression="New right pleural effusion. Mild cardiomegaly.",
        comparison="Compared with the prior.",
        finding_rows=findings,
        spans=(Span("findings", 0, 38, "change", "pleural effusion", 0.8),),
        regions=(Region("change", 10, 10, 200, 200, 0.5, "pleural effusion"),),
        references=(),
        provenance=Provenance("w" * 64, 1, "", f"{study:064}"),
        flags=("prior_unregistered",) if chance.random() < 0.1 else (),
        confidence=0.8,
        priority=chance.choice(PRIORITIES),
        priority_reason=f"{first.finding} {first.change or first.state} ({first.probability:.0%})",
    )


def _finding(name: str, compared: bool, chance: random.Random) -> Finding:
    state = chance.choices((State.POSITIVE, State.NEGATIVE, State.UNCERTAIN), (2, 9, 1))[0]
    if not compared:
        return Finding(name, state, chance.random())
    change = chance.choices([*Change], (1, 1, 4, 1, 1, 12))[0]
    return Finding(name, state, chance.random(), State.NEGATIVE, 0.1, change, 0.7)


def export(folder: Path, count: int) -> tuple[float, float, float]:
    """CPU seconds, largest resident size in MiB, and size of the worklist in MiB."""
    fill(folder / "home", count)
    seconds, peak = spent("--home", str(folder / "home"), "export", "--format", "html", str(folder / "out"), "--json")
    return seconds, peak, (folder / "out/index.html").stat().st_size / 2**20


def open_in_browser(page: Path) -> dict[str, float]:
    """Milliseconds of each step in the worklist."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        start = time.perf_counter()
        tab.goto(page.as_uri())
        took = {"load": 1000 * (time.perf_counter() - start)}
        for name, act in _STEPS.items():
            took[name] = tab.evaluate(
                f"() => {{ const start = performance.now(); {act}; return performance.now() - start; }}"
            )
            tab.wait_for_timeout(100)
        browser.close()
    return took


def main() -> None:
    """Print the figures of both exports, their ratios, and what the browser took."""
    parser = make_parser(__doc__)
    parser.add_argument("--drafts", type=positive, default=10_000)
    drafts, found = parser.parse_args().drafts, []
    with tempfile.TemporaryDirectory() as folder:
        for count in (max(1, drafts // 10), drafts):
            found.append(export(Path(folder) / str(count), count))
            seconds, peak, size = found[-1]
            print(f"{count:7} drafts  {seconds:7.1f} CPU s  {peak:6.0f} MiB  worklist {size:6.2f} MiB", flush=True)
        print("ratio           " + "  ".join(f"{more / less:.2f}" for less, more in zip(*found)))
        if which("chromium"):
            for name, took in open_in_browser(Path(folder) / str(drafts) / "out/index.html").items():
                print(f"{name:8} {took:6.0f} ms")


if __name__ == "__main__":
    main()
