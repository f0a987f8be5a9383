"""An Observation a finding: state, probability, change, place."""

from __future__ import annotations

from collections.abc import Iterator

from cxrreport import DISCLAIMER
from cxrreport.drafts import Finding
from cxrreport.export.coding import CHANGE, CHANGES, LATERALITY, PROBABILITY, SIDES, SITES, STATES, code_of, own_code
from cxrreport.export.fhir.parts import AI_ASSERTED, Part, concept, confidence, filled, hl7_concept, make_id
from cxrreport.export.words import FindingView
from cxrreport.findings import State
from cxrreport.reports.qualifiers import Side

_INTERPRETED = {State.POSITIVE: "POS", State.NEGATIVE: "NEG", State.UNCERTAIN: "IND"}


def observe(finding: FindingView, study_uid: str, side: Side | None, common: Part) -> Part:
    """The Observation of one finding.

    One that was not judged says so, so that what an earlier draft said of it does not stay. common : elements of all
    results of the study.
    """
    row = finding.row
    site = SITES.get(row.finding)
    return filled(
        {
            "resourceType": "Observation",
            "id": make_id("observation", study_uid, row.finding),
            "meta": AI_ASSERTED,
            "extension": _confidence(row),
            "category": [hl7_concept("observation-category", "imaging")],
            "code": concept(dict.fromkeys((code_of(row.finding), own_code(row.finding))), finding.name),
            **common,
            **_value(row),
            "bodySite": concept([site]) if site else None,
            "note": [{"text": DISCLAIMER}],
            "component": [*_components(row, side)],
        }
    )


def _value(row: Finding) -> Part:
    if row.state not in STATES:
        return {"dataAbsentReason": hl7_concept("data-absent-reason", "not-performed")}
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
