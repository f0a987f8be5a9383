"""Open-i (Indiana University) XML: one `eCitation` a file, its sections as labelled AbstractText."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from cxrreport import indications
from cxrreport.records import Failure, Report
from cxrreport.reports.parsing import decode

MAX_BYTES = 4 << 20
MAX_DEPTH = 50


def read(path: Path) -> Iterator[Report | Failure]:
    """Read one report. It is known by its uId alone; the date of publication is not the report's and is left out."""
    data = decode.whole(path, MAX_BYTES)
    large = "An Open-i XML file is larger than 4 MB."
    yield parse(data, path) if data is not None else decode.too_large(path, large)


def parse(data: bytes, path: Path) -> Report | Failure:
    """Parse one file's bytes; a document type with entities is refused."""
    try:
        if b"<!ENTITY" in data or "<!ENTITY".encode("utf-16-le") in data or "<!ENTITY".encode("utf-16-be") in data:
            return decode.malformed(path, "An XML report declares entities.")
        root = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Shallow()))
    except (ElementTree.ParseError, ValueError, LookupError):
        return decode.malformed(path, "An XML report is not well-formed.")
    if root.tag != "eCitation":
        return Failure(
            "report.unknown_format", "An XML file of the report archive is of no known kind.", path=str(path)
        )
    given = {label: _section(root, label) for label in ("FINDINGS", "IMPRESSION", "COMPARISON", "INDICATION")}
    if not given["FINDINGS"] and not given["IMPRESSION"]:
        return Failure("report.empty", "An XML report holds neither findings nor an impression.", path=str(path))
    number = root.find("uId")
    return Report(
        source=path.name,
        external_id=decode.identifier(number.get("id", "") if number is not None else "")
        or decode.identifier(path.stem),
        findings=given["FINDINGS"],
        impression=given["IMPRESSION"],
        comparison=given["COMPARISON"],
        indication=indications.choose([given["INDICATION"]]),
    )


class _Shallow(ElementTree.TreeBuilder):
    """Builds a tree of at most `MAX_DEPTH` levels: the text of elements within elements costs the square of their number."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str]) -> ElementTree.Element:
        """Open an element.

        Raises
        ------
        ValueError : too many are open.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError("depth")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ElementTree.Element:
        """Close an element."""
        self._depth -= 1
        return super().end(tag)


def _section(root: ElementTree.Element, label: str) -> str:
    texts = ("".join(one.itertext()) for one in root.iter("AbstractText") if one.get("Label", "").upper() == label)
    return "\n".join(filter(None, map(decode.prose, texts)))
