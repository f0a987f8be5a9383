"""Words and relations that several stages share: what implies what, what betrays a comparison, what names nobody."""

from __future__ import annotations

import re

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
