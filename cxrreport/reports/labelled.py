"""Reports of the archive with their labels: what child processes do of the import, so that it loads little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cxrreport import addenda
from cxrreport.findings import State
from cxrreport.records import Report
from cxrreport.reports.labels import label_in_order
from cxrreport.reports.language import is_english_report
from cxrreport.reports.readers import Item, read_file

Labelled = tuple[Item, dict[str, State]]


def read_labelled(
    root: Path, columns: Mapping[str, str], form: str, preliminary: bool, references: Path | None, file: Path
) -> Iterator[Labelled | None]:
    """Everything that a file at or below `root` holds, reports with their labels; see `readers.read_file`."""
    found = read_file(file, columns, form, within=file != root, preliminary=preliminary, references=references)
    for item in found:
        if isinstance(item, Report):
            yield item, label_report(item.findings, item.impression, item.addendum)
        else:
            yield (item, {}) if item else None


def label_report(findings: str, impression: str, addendum: str) -> dict[str, State]:
    """States of the 15 labels and of what is named, told from findings and impression together, then from each addendum.

    None of a report in another language: the rules would find names of findings there and miss that they are denied.
    """
    if is_english_report(findings, addenda.behind(impression, addendum)) is False:
        return {}
    return label_in_order([f"{findings} {impression}", *addenda.part(addendum)])
