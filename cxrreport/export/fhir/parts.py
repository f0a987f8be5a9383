"""What the resources are made of: ids, references, codes, moments and clean text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from cxrreport.export.coding import OWN_UID, Coding
from cxrreport.store.views import PatientFacts, StudyFacts

Part = dict[str, Any]

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
OWN_SYSTEM = f"urn:oid:{OWN_UID}"
_SPACE = UUID(int=int(OWN_UID.removeprefix("2.25.")))
_NO_TEXT = re.compile("[^\t\n -\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 and FHIR hold
_SPACES = re.compile(r"[^\S\n\t ]")  # FHIR's strings hold four kinds of space
# Asserted by an artificial intelligence. The guide AI Transparency on FHIR has removed AIRPT.
AI_ASSERTED: Part = {
    "security": [
        {
            "system": f"{TERMINOLOGY}/v3-ObservationValue",
            "code": "AIAST",
            "display": "Artificial Intelligence asserted",
        }
    ]
}
_CONFIDENCE = "http://hl7.org/fhir/uv/aitransparency/StructureDefinition/AIconfidence"


def make_id(*told: str) -> str:
    """Id of a resource, the same whenever the same is told: a study that is drafted again updates what it had."""
    return str(uuid5(_SPACE, "\0".join(told)))


def refer(resource: Part) -> Part:
    """Reference to a resource of the same Bundle."""
    return {"reference": full_url(resource), "type": resource["resourceType"]}


def full_url(resource: Part) -> str:
    """What the entries of a Bundle call a resource."""
    return f"urn:uuid:{resource['id']}"


def patient_reference(patient: PatientFacts) -> Part:
    """The patient by number: whose resource that is the server knows, and we overwrite none."""
    if not patient.number:
        return {"type": "Patient", "display": "A patient without a number"}
    identifier = {"type": _typed("MR"), "value": clean(patient.number)}
    if issuer := clean(patient.issuer):
        identifier["assigner"] = {"display": issuer}
    return {"type": "Patient", "identifier": identifier}


def study_identifiers(study: StudyFacts) -> list[Part]:
    """Study UID, and accession number where there is one."""
    identifiers: list[Part] = [{"system": "urn:dicom:uid", "value": f"urn:oid:{study.uid}"}]
    if accession := clean(study.accession):
        identifiers.append({"type": _typed("ACSN"), "value": accession})
    return identifiers


def _typed(code: str) -> Part:
    return {"coding": [{"system": f"{TERMINOLOGY}/v2-0203", "code": code}]}


def concept(codings: Iterable[Coding], text: str = "") -> Part:
    """A CodeableConcept of codings of one meaning."""
    coded = [{"system": one.system, "code": one.code, "display": one.display} for one in codings]
    return {"coding": coded, "text": text} if text else {"coding": coded}


def hl7_concept(system: str, code: str) -> Part:
    """A CodeableConcept of HL7's own terminology."""
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code}]}


def confidence(probability: float) -> list[Part]:
    """Extension of AI Transparency on FHIR: how sure the system is of the element, 0..1."""
    return [{"url": _CONFIDENCE, "valueDecimal": round(probability, 4)}]


def instant(when: datetime) -> str:
    """A time of ours, which has its zone."""
    return when.isoformat(timespec="seconds")


def taken(study: StudyFacts, timezone: str | None) -> str | None:
    """When a study was made: its day alone without a zone, since FHIR allows no time without one."""
    when = study.studied_at
    if when and study.time_known and timezone:
        return instant(when.replace(tzinfo=ZoneInfo(timezone)))
    return when.date().isoformat() if when else None


def clean(text: str) -> str:
    """Text without signs that FHIR cannot hold."""
    return _NO_TEXT.sub("", _SPACES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()


def filled(part: Part) -> Part:
    """A part without elements that hold nothing, which FHIR forbids."""
    return {key: value for key, value in part.items() if value not in (None, "", [])}
