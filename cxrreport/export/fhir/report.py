"""The DiagnosticReport: preliminary, its text labelled in every form."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from cxrreport import DISCLAIMER
from cxrreport.export.fhir.parts import AI_ASSERTED, LOINC, Part, clean, filled, full_url, hl7_concept, make_id, refer
from cxrreport.store.views import DraftFacts

CODE = {"coding": [{"system": LOINC, "code": "30745-4", "display": "XR Chest Views"}]}
_SECTIONS = ("comparison", "findings", "impression")


def report(draft: DraftFacts, study: Part, results: Sequence[Part], common: Part) -> Part:
    """The report of a draft. study : its ImagingStudy. common : elements of all results of the study."""
    resource: Part = {
        "resourceType": "DiagnosticReport",
        "id": make_id("report", study["id"]),
        "meta": AI_ASSERTED,
        "text": {"status": "generated", "div": _narrative(draft)},
    }
    return filled(
        {
            **resource,
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": full_url(resource)}],
            "category": [hl7_concept("v2-0074", "RAD")],
            "code": CODE,
            **common,
            "result": [refer(one) for one in results],
            "imagingStudy": [refer(study)],
            "conclusion": f"{DISCLAIMER} {clean(draft.impression)}".strip(),
            "presentedForm": [_presented(draft)],
        }
    )


def _said(draft: DraftFacts) -> list[tuple[str, str]]:
    told = ((name, clean(getattr(draft, name))) for name in _SECTIONS)
    return [(name, text) for name, text in told if text]


def _narrative(draft: DraftFacts) -> str:
    said = "".join(f"<p><b>{name.capitalize()}:</b> {escape(text)}</p>" for name, text in _said(draft))
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{escape(DISCLAIMER)}</b></p>{said}</div>'


def _presented(draft: DraftFacts) -> Part:
    """The text, its label in each section: a receiver may keep one and drop what stands before."""
    said = "\n\n".join(f"{name.upper()}:\n{DISCLAIMER}\n{text}" for name, text in _said(draft)) or DISCLAIMER
    return {"contentType": "text/plain; charset=utf-8", "data": b64encode(said.encode()).decode(), "title": DISCLAIMER}
