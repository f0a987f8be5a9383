"""The codes of findings, their places, states and changes, one table for DICOM, FHIR and HL7; printed in docs/fhir.md.

A finding has a code of SNOMED CT or DICOM where one says just what the finding says, else one of our own. No code was
chosen with a browser of SNOMED CT: the source of each is named, and a site checks them before it relies on them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxrreport.findings import FINDINGS, NAMES, Change, State
from cxrreport.reports.qualifiers import Side

OWN = "99CXRREPORT"  # private designators begin with 99: DICOM PS3.16 chapter 8, HL7 v2 table 0396
OWN_UID = "2.25.49536429425970778463755365756202821011"
_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
}
_HUO = "Huo et al. 2024 (arXiv 2411.09361)"
_SNOMED = "SNOMED CT"


@dataclass(frozen=True, slots=True)
class Coding:
    """One code. scheme : as DICOM and HL7 v2 call it. source : where it was found."""

    scheme: str
    code: str
    display: str
    source: str = ""

    @property
    def system(self) -> str:
        """URI of the scheme, for FHIR."""
        return _SYSTEMS.get(self.scheme, f"urn:oid:{OWN_UID}")


def _part16(code: str, display: str, context: int, scheme: str = "SCT") -> Coding:
    return Coding(scheme, code, display, f"DICOM PS3.16 CID {context}")


# CheXpert's other findings are wider or vaguer than any code that was found: "lung lesion", "support devices".
_STANDARD = {
    "cardiomegaly": Coding("SCT", "8186001", "Cardiomegaly", _HUO),
    "lung opacity": _part16("112001", "Opacity", 6104, "DCM"),
    "edema": _part16("19242006", "Pulmonary edema", 3700),
    "consolidation": Coding("SCT", "95436008", "Lung consolidation", _HUO),
    "pneumonia": Coding("SCT", "233604007", "Pneumonia", _SNOMED),
    "atelectasis": Coding("SCT", "46621007", "Atelectasis", _HUO),
    "pneumothorax": _part16("36118008", "Pneumothorax", 6105),
    "pleural effusion": _part16("60046008", "Pleural effusion", 645),
    "fracture": Coding("SCT", "125605004", "Fracture of bone", _SNOMED),
}

_OWN_CODES = ("ECM", "CMG", "LOP", "LLE", "EDE", "CON", "PNA", "ATE", "PTX", "EFF", "PLO", "FRA", "DEV", "NOF")
_OWN = {
    finding: Coding(OWN, code, NAMES.get(finding, finding), "CheXpert")
    for finding, code in zip(FINDINGS, _OWN_CODES, strict=True)
}

_LUNG = _part16("39607008", "Lung", 6129)
_PLEURA = _part16("3120008", "Pleural structure", 6129)
SITES: dict[str, Coding] = {  # of a finding that is of one organ
    "cardiomegaly": _part16("80891009", "Heart", 6100),
    "enlarged cardiomediastinum": _part16("72410000", "Mediastinum", 6129),
    **dict.fromkeys(("lung opacity", "lung lesion", "edema", "consolidation", "pneumonia", "atelectasis"), _LUNG),
    **dict.fromkeys(("pneumothorax", "pleural effusion", "pleural other"), _PLEURA),
}

STATES: dict[State, Coding] = {  # what was not judged has none
    State.POSITIVE: _part16("52101004", "Present", 240),
    State.NEGATIVE: _part16("272519000", "Absent", 240),
    State.UNCERTAIN: _part16("373068000", "Undetermined", 240),
}
CHANGES: dict[Change, Coding] = {  # no list of DICOM holds all of them; what neither is nor was there has not changed
    change: Coding(OWN, change.upper(), str(change), "cxrreport") for change in Change if change is not Change.ABSENT
}
SIDES: dict[Side, Coding] = {
    Side.LEFT: _part16("7771000", "Left", 244),
    Side.RIGHT: _part16("24028007", "Right", 244),
    Side.BILATERAL: _part16("51440002", "Bilateral", 244),
}

AI = _part16("123110", "Artificial Intelligence", 7162, "DCM")
LATERALITY = _part16("272741003", "Laterality", 210)
PROBABILITY = Coding("DCM", "122157", "Probability", "DICOM PS3.16 Annex D")
XR_CHEST = Coding("LN", "30745-4", "XR Chest Views", "LOINC")
CHANGE = Coding(OWN, "CHANGE", "Change since the prior", "cxrreport")


def code_of(finding: str) -> Coding:
    """Standard code of a finding, else our own. Raises KeyError for what is no finding."""
    return _STANDARD.get(finding) or own_code(finding)


def own_code(finding: str) -> Coding:
    """Our own code, at most 16 characters as DICOM asks (SH). Raises KeyError for what is no finding."""
    return _OWN[finding]
