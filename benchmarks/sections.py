"""How exactly `split` recovers the sections of reports whose sections are known.

    python -m benchmarks.sections [ARCHIVE]

The 3,955 reports of Open-i come as XML, one element a section, in `NLMCXR_reports.tgz`; without an argument the copy inside
the package torchxrayvision is read where it lies. Each is flattened to text in several styles and split again. Exact means
the same words in the same order, white space aside; where a report has no such section, that none was found.
"""

import importlib.util
import re
import sys
import tarfile
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.arguments import make_parser
from cxrreport.reports.sections import split
from cxrreport.reports.sentences import sentences

NAMES = ("indication", "comparison", "findings", "impression")
_TECHNIQUE = "Two views of the chest."
_ADDENDUM = "The findings were discussed with the referring physician."
Known = dict[str, str]
Style = Callable[[Known], str]


def find_archive() -> Path | None:
    """The archive inside torchxrayvision, found without importing that package (which loads torch)."""
    package = importlib.util.find_spec("torchxrayvision")
    path = Path(package.origin).parent / "data" / "NLMCXR_reports.tgz" if package and package.origin else None
    return path if path and path.is_file() else None


def read_reports(archive: Path) -> Iterator[Known]:
    """Sections of each report by name, "" where the report has none, white space collapsed."""
    with tarfile.open(archive) as members:
        for member in members:
            source = members.extractfile(member) if member.name.endswith(".xml") else None
            if source is not None:
                parts = {
                    (part.get("Label") or "").lower(): " ".join((part.text or "").split())
                    for part in ElementTree.fromstring(source.read()).iter("AbstractText")
                }
                yield {name: parts.get(name, "") for name in NAMES}


def _joined(known: Known, heading: Callable[[str], str], between: str, bare: tuple[str, ...] = ()) -> str:
    """Sections in the usual order; those in `bare` come without a heading."""
    return between.join((heading(name) if name not in bare else "") + text for name, text in known.items() if text)


def _own_line(known: Known) -> str:
    return _joined(known, lambda name: f"{name.upper()}:\n", "\n\n")


def _bare_heading(known: Known) -> str:
    return _joined(known, lambda name: f"{name.capitalize()}\n", "\n")


def _same_line(known: Known) -> str:
    return _joined(known, lambda name: f"{name.upper()}: ", "\n")


def _one_line(known: Known) -> str:
    return _joined(known, lambda name: f"{name.upper()}: ", " ")


def _one_line_title(known: Known) -> str:
    return _joined(known, lambda name: f"{name.capitalize()}: ", " ")


def _all_capitals(known: Known) -> str:
    return _own_line(known).upper()


def _no_findings_heading(known: Known) -> str:
    return _joined(known, lambda name: f"{name.upper()}: ", "\n\n", bare=("findings",))


def _no_findings_heading_one_line(known: Known) -> str:
    return _joined(known, lambda name: f"{name.upper()}: ", " ", bare=("findings",))


def _numbered(known: Known) -> str:
    """A number before each sentence of the impression."""
    text = known["impression"]
    items = [f"{number}. {text[slice(*span)]}" for number, span in enumerate(sentences(text), start=1)]
    return _own_line(known | {"impression": "\n".join(items)})


def _wrapped(known: Known) -> str:
    """As MIMIC-CXR prints them: a title, indented headings, lines wrapped, technique named."""
    rows = {"EXAMINATION": _TECHNIQUE, **{name.upper(): text for name, text in known.items() if text}}
    wrapper = textwrap.TextWrapper(78, initial_indent=" ", subsequent_indent=" ", break_on_hyphens=False)
    blocks = [wrapper.fill(f"{name}:  {text}") for name, text in rows.items()]
    return "                                 FINAL REPORT\n" + "\n \n".join(blocks)


def _addendum_after(known: Known) -> str:
    return f"{_same_line(known)}\nADDENDUM: {_ADDENDUM}"


def _addendum_before(known: Known) -> str:
    return f"ADDENDUM #1 by the attending: {_ADDENDUM}\n\nORIGINAL REPORT\n{_same_line(known)}"


STYLES: dict[str, tuple[Style, Known]] = {
    "headings on own lines": (_own_line, {}),
    "headings without colon": (_bare_heading, {}),
    "heading and text on a line": (_same_line, {}),
    "one line, capitals": (_one_line, {}),
    "one line, title case": (_one_line_title, {}),
    "everything in capitals": (_all_capitals, {}),
    "findings without heading": (_no_findings_heading, {}),
    "the same in one line": (_no_findings_heading_one_line, {}),
    "numbered impression": (_numbered, {}),
    "wrapped, with technique": (_wrapped, {"technique": _TECHNIQUE}),
    "addendum after": (_addendum_after, {"addendum": _ADDENDUM}),
    "addendum before": (_addendum_before, {"addendum": _ADDENDUM}),
}


def _words(text: str) -> list[str]:
    """Words without list numbers and stray stops."""
    plain = re.sub(r"(?:(?<=\s)|^)(?:\d{1,2}[.)]|[.,]+)(?=\s|$)", "", text)
    return plain.casefold().split()


def measure(reports: list[Known]) -> dict[str, dict[str, float]]:
    """Share of reports whose section is recovered exactly, per style and section; "all" is every section of a report."""
    table = {}
    for style, (flatten, added) in STYLES.items():
        hits: Counter[str] = Counter()
        for known in reports:
            found, wanted = split(flatten(known)), known | added
            exact = {name: _words(getattr(found, name)) == _words(text) for name, text in wanted.items()}
            hits.update(name for name, same in exact.items() if same)
            hits["all"] += all(exact.values())
        table[style] = {name: hits[name] / len(reports) for name in (*NAMES, *added, "all")}
    return table


def main() -> int:
    """Print the table; say so and leave where the archive is not here."""
    parser = make_parser(__doc__)
    parser.add_argument("archive", type=Path, nargs="?", default=find_archive())
    archive: Path | None = parser.parse_args().archive
    if archive is None:
        print("torchxrayvision is not installed: there are no reports with known sections to measure on.")
        return 0
    reports = [known for known in read_reports(archive) if any(known.values())]
    print(f"{len(reports)} reports with a text; share recovered exactly in %")
    print(f"{'style':<28}" + "".join(f"{name:>12}" for name in (*NAMES, "other", "all")))
    for style, row in measure(reports).items():
        other = next((f"{100 * row[name]:12.2f}" for name in ("technique", "addendum") if name in row), f"{'':>12}")
        print(f"{style:<28}" + "".join(f"{100 * row[n]:12.2f}" for n in NAMES) + other + f"{100 * row['all']:12.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
