"""All resources of a study, each put where it was before: sent twice it doubles nothing."""

from __future__ import annotations

import json
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from cxrreport import DISCLAIMER, __version__
from cxrreport.export.coding import AI
from cxrreport.export.fhir.observation import not_told, observe
from cxrreport.export.fhir.parts import (
    AI_ASSERTED,
    OWN_SYSTEM,
    Part,
    clean,
    concept,
    filled,
    full_url,
    hl7_concept,
    instant,
    make_id,
    patient_reference,
    refer,
    study_identifiers,
    taken,
)
from cxrreport.export.fhir.report import report
from cxrreport.export.site import Site
from cxrreport.export.study import StudyView
from cxrreport.findings import FINDINGS, NO_FINDING
from cxrreport.reports.claims import read
from cxrreport.store.views import DraftFacts, StudyFacts


def build(view: StudyView, site: Site) -> Part:
    """The transaction of a study with a draft, checked by the models of fhir.resources."""
    draft, held = view.draft, view.held
    subject = patient_reference(held.patient)
    device = _device(draft)
    when = taken(held.study, site.timezone)
    study = _study(held.study, subject, when)
    common = filled(
        {
            "status": "preliminary",
            "subject": subject,
            "effectiveDateTime": when,
            "issued": instant(draft.created_at),
        }
    )
    sides, made = read(draft.findings).sides, {"device": refer(device), "derivedFrom": [refer(study)]}
    found = [observe(one, held.study.uid, sides.get(one.row.finding), common | made) for one in view.findings]
    found += [not_told(finding, held.study.uid, common | made) for finding in _untold(view)]
    told = report(view, draft, study, found, common)
    resources = [device, study, *found, told, _provenance(view, draft, study, device, [told, *found])]
    entries = [_entry(resource) for resource in resources]
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "id": make_id("bundle", json.dumps(entries)),  # another transaction where it says something else
        "type": "transaction",
        "entry": entries,
    }
    get_fhir_model_class("Bundle").model_validate(bundle)
    return bundle


def _untold(view: StudyView) -> list[str]:
    """Findings that readers are told nothing of."""
    told = {one.row.finding for one in view.findings}
    return [finding for finding in FINDINGS[:NO_FINDING] if finding not in told]


def _entry(resource: Part) -> Part:
    request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
    return {"fullUrl": full_url(resource), "resource": resource, "request": request}


def _device(draft: DraftFacts) -> Part:
    """The software with its weights: another resource for other weights, another calibration or another release."""
    made = draft.provenance
    versions = {
        "software": __version__,
        "weights sha256": made.weights_sha256,
        "calibration sha256": made.calibration_sha256,
        "preprocessing": str(made.preprocess_version),
    }
    told = {name: value for name, value in versions.items() if value}
    return {
        "resourceType": "Device",
        "id": make_id("device", *map(str, versions.values())),
        "status": "active",
        "manufacturer": "cxrreport",
        "deviceName": [{"name": "cxrreport", "type": "model-name"}],
        "type": concept([AI]),
        "version": [{"type": {"text": name}, "value": value} for name, value in told.items()],
        "note": [{"text": DISCLAIMER}],
    }


def _study(study: StudyFacts, subject: Part, when: str | None) -> Part:
    return filled(
        {
            "resourceType": "ImagingStudy",
            "id": make_id("study", study.uid),
            "identifier": study_identifiers(study),
            "status": "available",
            "subject": subject,
            "started": when,
            "description": clean(study.description),
        }
    )


def _provenance(view: StudyView, draft: DraftFacts, study: Part, device: Part, made: list[Part]) -> Part:
    """What made the results from what."""
    author = {"type": hl7_concept("provenance-participant-type", "assembler"), "who": refer(device)}
    sources = [refer(study)]
    if prior := view.held.prior:
        sources.append({"type": "ImagingStudy", "identifier": study_identifiers(prior)[0], "display": "The prior"})
    inputs = {"system": OWN_SYSTEM, "value": draft.provenance.inputs_sha256}
    sources.append({"identifier": inputs, "display": "SHA-256 of the pixels"})
    if index := draft.provenance.index_version:
        sources.append({"display": f"{len(draft.references)} similar reports of the index {clean(index)}"})
    return {
        "resourceType": "Provenance",
        "id": make_id("provenance", study["id"]),
        "meta": AI_ASSERTED,
        "target": [refer(one) for one in made],
        "recorded": instant(draft.created_at),
        "activity": hl7_concept("v3-DataOperation", "CREATE"),
        "agent": [author],
        "entity": [{"role": "source", "what": one} for one in sources],
    }
