"""FHIR R4B: a transaction Bundle a study; docs/fhir.md tells what stands where."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cxrreport.export.fhir.bundle import build
from cxrreport.export.folder import Item
from cxrreport.export.subject import Subject


def make(subject: Subject) -> Iterator[Item]:
    """The Bundle of a study; its identifier is the id of the Bundle."""
    bundle = build(subject.view, subject.site)
    content = json.dumps(bundle, ensure_ascii=False, separators=(",", ":"))
    yield Item(f"fhir/{subject.view.stem}.json", content.encode(), bundle["id"])
