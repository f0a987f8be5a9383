"""The coded concepts of our documents, besides those of the findings (`export/coding.py`).

Those of DCM, LN and SCT stand in PS3.16, in the context group that is named; the others are our own.
"""

from __future__ import annotations

from highdicom.sr import CodedConcept

from cxrreport.export.coding import OWN, Coding

PROCEDURE = Coding("SCT", "399208008", "Plain chest X-ray", "SNOMED CT")
REPORT_TITLE = Coding("LN", "18748-4", "Diagnostic Imaging Report", "DICOM PS3.16 CID 7000")
# Sections and their elements.
SUMMARY = Coding("LN", "55112-7", "Summary", "DICOM PS3.16 CID 7001")
COMPARISON = Coding("LN", "18834-2", "Previous Findings", "DICOM PS3.16 CID 7001")
FINDINGS = Coding("LN", "59776-5", "Findings", "DICOM PS3.16 CID 7001")
IMPRESSIONS = Coding("LN", "19005-8", "Impressions", "DICOM PS3.16 CID 7001")
PREVIOUS_FINDING = Coding("DCM", "121069", "Previous Finding", "DICOM PS3.16 CID 7002")
FINDING = Coding("DCM", "121071", "Finding", "DICOM PS3.16 CID 7002")
IMPRESSION = Coding("DCM", "121073", "Impression", "DICOM PS3.16 CID 7002")
# What is said of a finding.
CERTAINTY = Coding("DCM", "111012", "Certainty of Finding", "DICOM PS3.16 CID 6048")
DIFFERENCE = Coding("DCM", "111049", "Qualitative Difference", "DICOM PS3.16 Table D-1")
PRIOR_STATE = Coding(OWN, "PRIORSTATE", "State on the prior film", "cxrreport")
CHANGE_CERTAINTY = Coding(OWN, "CHANGECERTAINTY", "Certainty of the difference", "cxrreport")
REGION_KIND = Coding(OWN, "REGIONKIND", "What the region shows", "cxrreport")
REGION_SCORE = Coding(OWN, "REGIONSCORE", "Highest value of the map in the region", "cxrreport")
KINDS = {
    "change": Coding(OWN, "CHANGE", "Where the finding has changed", "cxrreport"),
    "evidence": Coding(OWN, "EVIDENCE", "Where the finding is seen", "cxrreport"),
}
LABEL = Coding(OWN, "LABEL", "Label of the draft", "cxrreport")
DERIVATION = Coding(OWN, "PICTURE", "Picture of a draft", "cxrreport")


def concept(coding: Coding) -> CodedConcept:
    """The coding as highdicom takes it."""
    return CodedConcept(coding.code, coding.scheme, coding.display)
