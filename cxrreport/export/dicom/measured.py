"""The findings of a draft as a measurement report (PS3.16 TID 1500): state, certainty, change, and where on the film.

A finding is a group of TID 1501: its own code with "present", "absent" or "undetermined" as value, so that nobody takes
what is absent for a finding. A region is a group of TID 1410 with a closed polyline in pixels of the film as it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from cxrreport import DISCLAIMER
from cxrreport.drafts import Finding, Region
from cxrreport.errors import InputError
from cxrreport.export.coding import CHANGES, SITES, STATES, Coding, code_of
from cxrreport.export.dicom.concepts import (
    CERTAINTY,
    CHANGE_CERTAINTY,
    DIFFERENCE,
    KINDS,
    LABEL,
    PRIOR_STATE,
    PROCEDURE,
    REGION_KIND,
    REGION_SCORE,
    concept,
)
from cxrreport.export.dicom.device import algorithm, observer
from cxrreport.export.dicom.evidence import Evidence
from cxrreport.export.study import StudyView
from cxrreport.export.uids import derive_uid
from cxrreport.export.words import FindingView
from cxrreport.store.views import DraftFacts

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def measurement_report(view: StudyView, draft: DraftFacts, evidence: Evidence, uid: str) -> Dataset:
    """Return the root of the content; `uid` is that of the series: a finding of a draft stays the same one in each document."""
    made_by = algorithm(draft.provenance)
    groups: list[Group] = [_finding(one, evidence, made_by, uid) for one in view.findings]
    report = MeasurementReport(
        observation_context=observer(draft.provenance),
        procedure_reported=concept(PROCEDURE),
        imaging_measurements=[*groups, *_regions(view, draft, evidence, made_by, uid)],
        title=codes.DCM.ImagingMeasurementReport,
    )
    root: Dataset = report[0]
    for said in filter(None, (DISCLAIMER, view.not_assessed)):
        root.ContentSequence.append(TextContentItem(concept(LABEL), said, RelationshipTypeValues.CONTAINS))
    return root


def _finding(told: FindingView, evidence: Evidence, made_by: AlgorithmIdentification, uid: str) -> Group:
    row = told.row
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(derive_uid(uid, row.finding), told.name),
        algorithm_id=made_by,
        finding_sites=[FindingSite(concept(SITES[row.finding]))] if row.finding in SITES else None,
        measurements=list(_certainties(row)),
        qualitative_evaluations=list(_evaluations(row)),
        source_images=[
            SourceImageForMeasurementGroup(film.SOPClassUID, film.SOPInstanceUID) for film in evidence.films
        ],
    )


def _evaluations(row: Finding) -> Iterator[QualitativeEvaluation]:
    """State, change and prior state; what was not judged, or did not change, is left out."""
    if row.state in STATES:
        yield _said(code_of(row.finding), STATES[row.state])
    if row.change in CHANGES:
        yield _said(DIFFERENCE, CHANGES[row.change])
    if row.prior_state in STATES:
        yield _said(PRIOR_STATE, STATES[row.prior_state])


def _certainties(row: Finding) -> Iterator[Measurement]:
    yield _percent(CERTAINTY, row.probability)
    if row.change in CHANGES and row.change_probability is not None:
        yield _percent(CHANGE_CERTAINTY, row.change_probability)


def _regions(
    view: StudyView, draft: DraftFacts, evidence: Evidence, made_by: AlgorithmIdentification, uid: str
) -> Iterator[Group]:
    told = {one.row.finding: one for one in view.findings}
    for number, region in enumerate(draft.regions, 1):
        if region.finding in told and region.kind in KINDS:
            yield _region(region, number, told[region.finding], evidence.current, made_by, uid)


def _region(
    region: Region, number: int, told: FindingView, film: Dataset, made_by: AlgorithmIdentification, uid: str
) -> Group:
    row = told.row
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(derive_uid(uid, "region", number), f"{told.name}, region {number}"),
        referenced_region=_place(region, film),
        finding_type=concept(code_of(row.finding)),
        algorithm_id=made_by,
        measurements=[_percent(REGION_SCORE, region.score)],
        qualitative_evaluations=[_said(REGION_KIND, KINDS[region.kind]), *_evaluations(row)],
    )


def _place(region: Region, film: Dataset) -> ImageRegion:
    source = SourceImageForRegion(film.SOPClassUID, film.SOPInstanceUID)
    try:
        return ImageRegion("POLYLINE", _outline(region), source)
    except KeyError:  # highdicom looks up whether images of the class have frames
        raise InputError("A film is of a maker's own class, on which no place can be marked.", "film.class") from None


def _outline(region: Region) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(5, 2) columns and rows of the corners; 0, 0 is the upper left corner of the film (PS3.3 C.18.6.1.1)."""
    left, top, right, bottom = region.x, region.y, region.x + region.w, region.y + region.h
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], dtype=float)


def _said(name: Coding, value: Coding) -> QualitativeEvaluation:
    return QualitativeEvaluation(concept(name), concept(value))


def _percent(name: Coding, probability: float) -> Measurement:
    return Measurement(concept(name), round(100 * probability, 2), codes.UCUM.Percent)
