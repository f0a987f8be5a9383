"""The DiagnosticReport: preliminary, its text labelled in every form."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from cxrreport import DISCLAIMER
from cxrreport.export.coding import XR_CHEST
from cxrreport.export.fhir.parts import AI_ASSERTED, Part, clean, concept, filled, full_url, hl7_concept, make_id, refer
from cxrreport.export.study import StudyView
from cxrreport.store.views import DraftFacts

_SECTIONS = ("comparison", "findings", "impression")


def report(view: StudyView, draft: DraftFacts, study: Part, results: Sequence[Part], common: Part) -> Part:
    """The report of a draft. study : its ImagingStudy. common : elements of all results of the study."""
    heed, said = view.to_heed(), _said(draft)
    resource: Part = {
        "resourceType": "DiagnosticReport",
        "id": make_id("report", study["id"]),
        "meta": AI_ASSERTED,
        "text": {"status": "generated", "div": _narrative(heed, said)},
    }
    return filled(
        {
            **resource,
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": full_url(resource)}],
            "category": [hl7_concept("v2-0074", "RAD")],
            "code": concept([XR_CHEST]),
            **common,
            "result": [refer(one) for one in results],
            "imagingStudy": [refer(study)],
            "conclusion": f"{DISCLAIMER} {clean(draft.not_drafted or draft.impression)}".strip(),
            "presentedForm": [_presented(heed, said)],
        }
    )


def _said(draft: DraftFacts) -> list[tuple[str, str]]:
    told = ((name, clean(getattr(draft, name))) for name in _SECTIONS)
    return [(name, text) for name, text in told if text]


def _narrative(heed: Sequence[str], said: Sequence[tuple[str, str]]) -> str:
    before = "".join(f"<p>{escape(clean(sentence))}</p>" for sentence in heed)
    after = "".join(f"<p><b>{name.capitalize()}:</b> {escape(text)}</p>" for name, text in said)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{before}{after}</div>'


def _presented(heed: Sequence[str], said: Sequence[tuple[str, str]]) -> Part:
    """The text, its label in each section too: a receiver may keep one and drop what stands before."""
    sections = (f"{name.upper()}:\n{DISCLAIMER}\n{text}" for name, text in said)
    whole = "\n\n".join(["\n".join(map(clean, heed)), *sections])
    return {"contentType": "text/plain; charset=utf-8", "data": b64encode(whole.encode()).decode(), "title": DISCLAIMER}
