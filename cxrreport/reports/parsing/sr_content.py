"""The content tree of a DICOM structured report (PS3.3 C.17.3), as sections and texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cxrreport.reports.parsing import assemble, decode

Dataset = Any  # pydicom's; the library itself is the reader's alone

MAX_ITEMS = 20_000
MAX_DEPTH = 60
_ABSENT = frozenset({"absent", "no", "not present", "negative", "not seen", "none", "known absent"})
_PRESENT = frozenset({"present", "yes", "positive", "known present"})


def parts(dataset: Dataset) -> Iterator[tuple[str, str, bool]]:
    """(section, text, whether that alone is no report) of every item, in the order of the document.

    Raises
    ------
    ValueError : the tree is deeper or larger than any report.
    """
    stack: list[tuple[Dataset, str, int]] = [(dataset, "", 0)]
    seen = 0
    while stack:
        item, section, depth = stack.pop()
        seen += 1
        if seen > MAX_ITEMS or depth > MAX_DEPTH:
            raise ValueError("tree")
        code, name = concept(item)
        if section != "addendum":  # what an addendum says is its own, headed as the report or not
            section = assemble.SECTIONS.get(code, section) if depth else ""
        value, measured = _value(item, code, name), item.get("ValueType") == "NUM"
        if value:
            yield section, value, measured
        if item.get("ValueType") == "CONTAINER" and depth and assemble.is_heading(name):
            section = section if code in assemble.SECTIONS or section == "addendum" else ""
            if not section:
                yield section, f"\n{name.upper()}:", True  # of no code that we know, but of a name
        children = [child for child in item.get("ContentSequence") or [] if _is_contained(child)]
        stack.extend((child, section, depth + 1) for child in reversed(children))


def _is_contained(item: Dataset) -> bool:
    return str(item.get("RelationshipType") or "CONTAINS") == "CONTAINS"


def concept(item: Dataset) -> tuple[str, str]:
    """Code and meaning of an item's name."""
    names = item.get("ConceptNameCodeSequence") or []
    if not names:
        return "", ""
    return str(names[0].get("CodeValue", "")), decode.prose(str(names[0].get("CodeMeaning", "")))


def _value(item: Dataset, code: str, name: str) -> str:
    kind = item.get("ValueType")
    if kind == "TEXT":
        return decode.prose(str(item.get("TextValue", "")))
    if kind == "CODE" and assemble.SECTIONS.get(code) in ("findings", "impression"):
        values = item.get("ConceptCodeSequence") or []
        said = decode.prose(str(values[0].get("CodeMeaning", ""))) if values else ""
        return f"{_modified(item, said)}." if said else ""
    if kind == "NUM":
        return _measurement(item, name)
    return ""


def _modified(item: Dataset, finding: str) -> str:
    """A coded finding with what its modifiers say (HAS CONCEPT MOD): "No pneumothorax", "Effusion: left, small"."""
    words = [
        decode.prose(str(value.get("CodeMeaning", ""))).lower()
        for child in item.get("ContentSequence") or []
        if child.get("RelationshipType") == "HAS CONCEPT MOD"
        for value in (child.get("ConceptCodeSequence") or [])[:1]
    ]
    denied = any(word in _ABSENT for word in words)
    more = ", ".join(word for word in words if word and word not in _ABSENT | _PRESENT)
    return f"{'No ' if denied else ''}{finding.lower() if denied else finding}{f': {more}' if more else ''}"


def _measurement(item: Dataset, name: str) -> str:
    values = item.get("MeasuredValueSequence") or []
    if not values:
        return ""
    units = values[0].get("MeasurementUnitsCodeSequence") or []
    unit = str(units[0].get("CodeValue", "")) if units else ""
    return f"{name} {values[0].get('NumericValue', '')} {'' if unit == '1' else unit}".strip() + "."
