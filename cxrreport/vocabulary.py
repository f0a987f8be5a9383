"""Words and relations that several stages share: what implies what, what betrays a comparison, what names nobody."""

from __future__ import annotations

import re
from collections.abc import Sequence

# A finding (key) implies others in the hierarchy of CheXpert (Irvin et al., 2019): who asserts pneumonia asserts
# consolidation and lung opacity.
PARENTS: dict[str, tuple[str, ...]] = {
    "cardiomegaly": ("enlarged cardiomediastinum",),
    "edema": ("lung opacity",),
    "consolidation": ("lung opacity",),
    "pneumonia": ("consolidation", "lung opacity"),
    "atelectasis": ("lung opacity",),
    "lung lesion": ("lung opacity",),
}

NAMES = {"pleural other": "pleural abnormality"}  # what a sentence calls a finding that is not called by its own name

# What betrays a comparison with a prior, as regular expressions between word boundaries in any case: stripped from what
# the network learns, flagged in the draft of a study without prior. "Stable" alone, "prior surgery" and "previous
# granulomatous disease" do not compare.
COMPARISON_WORDS = (
    r"compar(?:ed?|isons?|ing)",
    r"interval(?!\s+follow)",
    r"unchanged",
    r"re-?demonstrat\w+",
    r"(?:prior|previous|earlier)\s+(?:\w+\s+)?(?:exam\w*|radiographs?|stud(?:y|ies)|films?|x-?rays?|imaging|images?|scans?|ct|cxr)",
    r"(?:from|than|to|since|on)\s+(?:the\s+)?(?:prior|previous(?:ly)?|before)(?=\s*(?:$|[.,;)]|and\b|which\b|with\b))",
    r"since\s+(?:the\s+)?(?:prior|previous|last)",
    r"previously\s+(?:seen|noted|described|identified|demonstrated|visuali[sz]ed|present)",
    r"not\s+(?:seen|noted|present|identified)\s+(?:previously|before)",
    r"as\s+before",
    r"no\s+longer",
    r"again\s+(?:seen|noted|demonstrated|identified|visuali[sz]ed|present|is|are)",
    r"(?:is|are)\s+again",
    r"(?:no|without)\s+(?:\w+\s+){0,2}change",
    r"new(?!\s+york)",
    r"newly",
    r"persist\w*",
    r"worsen(?:ed|ing)",
    r"improv(?:ed|ing|ement)",
    r"(?:in|de)creasing",
    r"(?:in|de)crease\s+in",
    r"(?:has|have|had)\s+(?:\w+\s+){0,2}(?:(?:in|de)creased|enlarged|progressed|cleared|resolved|changed)",
    r"(?:less|more)\s+(?:prominent|conspicuous|apparent|pronounced)",
    r"similar\s+(?:in\s+appearance\s+)?to",
    r"remains?(?!\s+of)",
    r"resolved",
    r"resolution\s+of",
)

COMPARISON = re.compile(rf"\b(?:{'|'.join(COMPARISON_WORDS)})\b", re.IGNORECASE)

_NOBODY = re.compile(
    r"UNKNOWN(PATIENT)?|UNK|UNBEKANNT|INCONNU|DESCONOCIDO|UNIDENTIFIED|UNASSIGNED|NOT(ASSIGNED|AVAILABLE|APPLICABLE)"
    r"|NONE|NULL|NIL|NAN?|NO(PATIENT)?ID|(PATIENT)?ID|EMPTY|BLANK|DEFAULT|TBD|TEMP|REMOVED|DELETED"
    r"|ANON|ANON[IY]M[EO]?|ANONYMOUS|ANONYMI[SZ]ED|DEIDENTIFIED|(TEST)?PATIENT|TEST|PHANTOM|DUMMY|QC"
    r"|(JOHN|JANE)?DOE|EMERGENCY|NOTFALL|TRAUMA"
)


def most_particular(findings: Sequence[str]) -> list[str]:
    """Findings without those that another one of them implies: they need not be said again."""
    implied = {parent for finding in findings for parent in PARENTS.get(finding, ())}
    return [finding for finding in findings if finding not in implied]


def names_nobody(patient_id: str) -> bool:
    """Tell whether a patient number is a placeholder ("000", "UNKNOWN", "ANON", "N/A", "XXX") that many persons share.

    A number of one sign repeated counts as one from three signs on; so do zeros alone, and punctuation alone.
    """
    signs = re.sub(r"[\W_]+", "", patient_id).upper()
    repeated = len(set(signs)) == 1 and (len(signs) >= 3 or signs[0] == "0")
    return not signs or repeated or _NOBODY.fullmatch(signs) is not None
