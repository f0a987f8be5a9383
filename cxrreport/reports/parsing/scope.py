"""Is a report about a chest radiograph? Asked only of what the message itself says of the procedure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_RADIOGRAPH = frozenset({"CR", "DX", "DR", "XR", "RG", "RAD", "X-RAY", "XRAY"})
_OTHER_MODALITY = frozenset({  # DICOM PS3.3 C.7.3.1.1.1 and HL7 table 0074
    "CT", "MR", "MRI", "US", "NM", "MG", "XA", "RF", "PT", "PET", "PX", "BMD", "ECG", "OPT", "ES", "GM",
    "MAM", "CUS", "OUS", "RUS", "VUS", "NMS", "NMR", "CTA", "MRA", "LAB", "MB", "HM", "PAT", "EC",
})  # fmt: skip
_OTHER_MODALITY_NAME = re.compile(
    r"\b(?:CT|CTA|MR|MRI|MRA|US|NM|PET|SPECT|MPI|IR|BMD|DEXA)\b|\b(?:CT(?:CHEST|ABD|HEAD)|MRI?BRAIN)\w*"
    r"|tomograph|ultraso|sonogra|magnetic|mammogra|angiogra|fluorosc|scintigra|nuclear|densitom|doppler|echocardio"
    r"|biops|stereotac",
    re.IGNORECASE,
)
_CHEST = re.compile(r"\b(?:chest|cxr|thorax|lungs?|ribs?|thoraxr\w*)\b", re.IGNORECASE)
_OTHER_PART = re.compile(
    r"\b(?:abdom\w*|kub|head|skull|brain|neck|spine|cervical|thoracic|lumbar|sacr\w+|pelvi\w*|hips?|femur|knees?|tibia"
    r"|leg|legs|ankles?|foot|feet|toes?|arm|humerus|elbows?|forearm|wrists?|hands?|fingers?|shoulders?|breasts?"
    r"|sinus\w*|teeth|dental|mandible|facial|orbits?|extremit\w+)\b",
    re.IGNORECASE,
)


def is_other(modality: str, descriptions: Iterable[str], technique: str = "") -> bool:
    """Tell whether a report is clearly of another modality or another part of the body; in doubt it is not.

    Parameters
    ----------
    modality : code of the modality or of the diagnostic service (HL7 OBR-24, DICOM Modality); may be blank.
    descriptions : names of the procedure and of the part of the body.
    technique : what the report itself says of the examination; asked where the names hold no part of the body.
    """
    code = modality.strip().upper()
    if code in _OTHER_MODALITY:
        return True
    text = re.sub(r"[_/^]", " ", " ".join(descriptions))
    if code not in _RADIOGRAPH and _OTHER_MODALITY_NAME.search(f"{code} {text}"):
        return True
    named = text if _CHEST.search(text) or _OTHER_PART.search(text) else technique[:400]
    return bool(_OTHER_PART.search(named)) and not _CHEST.search(named)
