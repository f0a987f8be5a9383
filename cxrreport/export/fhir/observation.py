"""An Observation a finding: state, probability, change, place."""

from __future__ import annotations

from collections.abc import Iterator

from cxrreport import DISCLAIMER
from cxrreport.drafts import Finding
from cxrreport.export.coding import CHANGE, CHANGES, LATERALITY, PROBABILITY, SIDES, SITES, STATES, code_of, own_code
from cxrreport.export.fhir.parts import AI_ASSERTED, Part, concept, confidence, filled, hl7_concept, make_id
from cxrreport.export.words import FindingView
from cxrreport.findings import NAMES, State
from cxrreport.reports.qualifiers import Side

_INTERPRETED = {State.POSITIVE: "POS", State.NEGATIVE: "NEG", State.UNCERTAIN: "IND"}
_NOT_JUDGED: Part = {"dataAbsentReason": hl7_concept("data-absent-reason", "not-performed")}


def observe(finding: FindingView, study_uid: str, side: Side | None, common: Part) -> Part:
    """The Observation of one finding. common : elements of all results of the study."""
    row = finding.row
    own = {"extension": _confidence(row), **_value(row), "component": [*_components(row, side)]}
    return _observation(row.finding, finding.name, study_uid, common | own)


def not_told(finding: str, study_uid: str, common: Part) -> Part:
    """The Observation of a finding that readers are told nothing of, so that what an earlier draft said does not stay."""
    return _observation(finding, NAMES.get(finding, finding), study_uid, {**common, **_NOT_JUDGED})


def _observation(finding: str, name: str, study_uid: str, told: Part) -> Part:
    site = SITES.get(finding)
    return filled(
        {
            "resourceType": "Observation",
            "id": make_id("observation", study_uid, finding),
            "meta": AI_ASSERTED,
            "category": [hl7_concept("observation-category", "imaging")],
            "code": concept(dict.fromkeys((code_of(finding), own_code(finding))), name),
            **told,
            "bodySite": concept([site]) if site else None,
            "note": [{"text": DISCLAIMER}],
        }
    )


def _value(row: Finding) -> Part:
    if row.state not in STATES:
        return _NOT_JUDGED
    interpretation = hl7_concept("v3-ObservationInterpretation", _INTERPRETED[row.state])
    return {"valueCodeableConcept": concept([STATES[row.state]]), "interpretation": [interpretation]}


def _confidence(row: Finding) -> list[Part]:
    """How sure the state is; nothing of what cannot be decided."""
    if row.state not in (State.POSITIVE, State.NEGATIVE):
        return []
    return confidence(row.probability if row.state is State.POSITIVE else 1 - row.probability)


def _components(row: Finding, side: Side | None) -> Iterator[Part]:
    probability = {"value": round(row.probability, 4), "system": "http://unitsofmeasure.org", "code": "1"}
    yield {"code": concept([PROBABILITY]), "valueQuantity": probability}
    if row.change in CHANGES:
        sure = [] if row.change_probability is None else confidence(row.change_probability)
        change = concept([CHANGES[row.change]])
        yield filled({"extension": sure, "code": concept([CHANGE]), "valueCodeableConcept": change})
    if side:
        yield {"code": concept([LATERALITY]), "valueCodeableConcept": concept([SIDES[side]])}
