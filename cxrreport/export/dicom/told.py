"""The text of a draft as a document (PS3.16 TID 2000): label and what to heed first, then comparison, findings, impression."""

from __future__ import annotations

import re
from collections.abc import Iterator

from highdicom.sr import (
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    LanguageOfContentItemAndDescendants,
    RelationshipTypeValues,
    TextContentItem,
)
from highdicom.sr.templates import DEFAULT_LANGUAGE
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from cxrreport.export.coding import Coding
from cxrreport.export.dicom.concepts import (
    COMPARISON,
    FINDING,
    FINDINGS,
    IMPRESSION,
    IMPRESSIONS,
    PREVIOUS_FINDING,
    PROCEDURE,
    REPORT_TITLE,
    SUMMARY,
    concept,
)
from cxrreport.export.dicom.device import observer
from cxrreport.export.study import StudyView
from cxrreport.store.views import DraftFacts

_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]+")  # controls that a UT cannot hold (PS3.5 6.2)


def report(view: StudyView, draft: DraftFacts) -> Dataset:
    """Return the root of the content."""
    root = ContainerContentItem(concept(REPORT_TITLE), template_id="2000")
    root.ContentSequence = ContentSequence()
    root.ContentSequence.extend(LanguageOfContentItemAndDescendants(DEFAULT_LANGUAGE))
    root.ContentSequence.extend(observer(draft.provenance))
    root.ContentSequence.append(
        CodeContentItem(codes.DCM.ProcedureReported, concept(PROCEDURE), RelationshipTypeValues.HAS_CONCEPT_MOD)
    )
    root.ContentSequence.extend(_sections(view, draft))
    return root


def _sections(view: StudyView, draft: DraftFacts) -> Iterator[ContainerContentItem]:
    yield _section(SUMMARY, SUMMARY, *view.to_heed())
    for name, element, text in (
        (COMPARISON, PREVIOUS_FINDING, draft.comparison),
        (FINDINGS, FINDING, draft.findings),
        (IMPRESSIONS, IMPRESSION, draft.impression),
    ):
        if text.strip():
            yield _section(name, element, text)


def _section(name: Coding, element: Coding, *texts: str) -> ContainerContentItem:
    section = ContainerContentItem(concept(name), relationship_type=RelationshipTypeValues.CONTAINS)
    items = [
        TextContentItem(concept(element), _NO_TEXT.sub(" ", text), RelationshipTypeValues.CONTAINS) for text in texts
    ]
    section.ContentSequence = ContentSequence(items)
    return section
