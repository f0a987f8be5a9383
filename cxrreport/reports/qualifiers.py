"""The one table of the words of change, severity, size and side: what each says, and whether it compares with a prior."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from cxrreport.findings import Change
from cxrreport.reports.cues import join


class Side(StrEnum):
    """The patient's side."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


@dataclass(frozen=True, slots=True)
class Qualifier:
    """Words of one meaning.

    words : regular expression for lower-case text; a space stands for any white space.
    fits : changes that they do not contradict, the one that they say first; () where they say no change.
    compares : they make no sense without a prior. beside : they do so only beside a finding: "increased edema" was less,
        "increased lung volumes" are merely large. weak : they give way to any other word of change.
    severity : 0 minimal, 1 mild, 2 moderate, 3 severe. size : a degree of largeness ("small"), which may be part of the
        name of a finding ("large heart").
    """

    words: str
    fits: tuple[Change, ...] = ()
    compares: bool = False
    beside: bool = False
    weak: bool = False
    severity: int | None = None
    size: bool = False
    side: Side | None = None

    @property
    def change(self) -> Change | None:
        """The change that the words say."""
        return self.fits[0] if self.fits else None


@dataclass(frozen=True, slots=True)
class Word:
    """A qualifier and its half-open place in a text."""

    meaning: Qualifier
    start: int
    end: int


_NEW, _SAME = (Change.NEW,), (Change.UNCHANGED,)
_MORE, _WORSE = (Change.WORSENED, Change.NEW), (Change.WORSENED,)
_LESS, _GONE = (Change.IMPROVED, Change.RESOLVED), (Change.RESOLVED, Change.IMPROVED)

_SEEN = r"(?:seen|noted|demonstrated|identified|visuali[sz]ed|described|present|visible)"
_STUDY = r"(?:exam\w*|radiographs?|stud(?:y|ies)|films?|x-?rays?|imaging|images?|scans?|ct|cxr)"
_MUCH = r"(?: (?!not )\w+){0,2}"
_MARKED = r"(?:prominent|conspicuous|apparent|pronounced|extensive|dense|severe|marked|confluent)"
# "worse on the left than on the right", "larger than normal": beside something on the same image, not on a prior. A place
# alone does not say so: "worse on the left".
_HERE = (
    r"(?!(?: (?:on|in|at|toward|within|the|left|right|side|lung|upper|lower|mid\w*|lobes?|bases?|apex|apices))*"
    r" than (?:(?:on|in|at|of|for|the|that) )*(?:left|right|contralateral|opposite|other|apex|apices|bases?|upper|lower|mid\w*"
    r"|normal|expected|usual|average|typical|\d))"
)
_FOUND = (
    r"(?:pleural |pulmonary |airspace )?(?:fluid|effusions?|edema|consolidations?|atelecta\w+|opaci\w+|infiltrates?"
    r"|congestion|pneumo\w+|air|disease)\b"
)
_STEP = "(?:improv|increas|decreas|worse|progress|more|less|larger|smaller|diminish|reduc)"

# Of words that begin at one place the first row counts, and what a row takes no later one can.
QUALIFIERS: tuple[Qualifier, ...] = (
    # Look like one and are none.
    Qualifier(r"new york|remains of|large[ -]bore|(?:hemodynamically|clinically|medically) stable|interval follow\w*"),
    Qualifier(
        r"(?:the|other|additional|few|several|multiple)(?: \w+)? (?:larger|smaller|bigger)"
        r"(?= (?:\w+ ){0,2}?(?:ones?|of the|nodul\w+|mass(?:es)?|lesions?|opacit\w+|densit\w+|granuloma\w*|calcif\w+)\b)"
    ),
    Qualifier(
        r"(?:until|to|ensure|document|confirm|verify)(?: (?:ensure|document|confirm|verify|assess|establish|complete|full"
        r"|interval|radiographic|its|the))* (?:resolution|resolved|clearing|cleared|stability|removal)"
    ),
    Qualifier(r"(?:if|should)(?: \w+){0,3} (?:persists?|worsens?|improves?)|progressive massive"),
    Qualifier(r"(?:status post|s/p|after|following|surgical|surgically|prior|previous)(?: \w+)? (?:removal|removed)"),
    Qualifier(
        r"(?:minimally|slightly|mildly|moderately|markedly|severely|significantly)"
        rf"(?= (?:interval )?{_STEP})"
        r"|(?:minimal|slight|mild|moderate|marked|severe|significant|small|large)(?= (?:interval )?(?:increase|decrease"
        r"|improvement|worsening|progression|reduction|resolution|clearing|development|change)\b)"
    ),
    Qualifier(r"(?:right|left) (?:atri|ventric|heart|lateral|anterior oblique)\w*"),
    Qualifier(r"increas\w+ in (?:density|size) of (?:the )?(?:spine|aort)\w*"),
    Qualifier(
        r"(?:(?:in|de)creased|reduced|diminished)(?= (?:\w+ ){0,2}(?:volumes?|markings|diameter|dimension|inspiration|aeration"
        r"|lucenc\w+|kypho\w+|minerali\w+|height|space|sensitivity)\b)"
    ),
    # Compare, and say no change.
    Qualifier(
        r"no (?:\w+ ){0,2}?(?:increase|decrease|improvement|progression|worsening|resolution|clearing)"
        rf"|(?:no|without)(?: \w+)? new|(?:no|without)(?: \w+)? residual (?:\w+ )?{_FOUND}",
        compares=True,
    ),
    Qualifier(
        r"compar(?:ed?|isons?|ing)|since|now|previously|interim"
        rf"|(?:prior|previous|earlier|recent) (?:\w+ ){{0,2}}{_STUDY}"
        r"|(?:from|than|to|on) (?:the )?(?:prior|previous|before)(?=\s*(?:$|[.,;)]|and\b|which\b|with\b))"
        rf"|{_SEEN} before|(?:has|have|had|is|are){_MUCH} changed",
        compares=True,
    ),
    # Words of change.
    Qualifier(
        rf"interval (?:development|appearance|placement)|development of|(?:has|have|had)(?: \w+)? (?:developed|appeared)"
        rf"|not (?:{_SEEN} )?(?:previously|before)(?: {_SEEN})?|not {_SEEN}(?: \w+)? on (?:the )?(?:prior|previous)"
        r"|new(?:ly)?(?:-appearing)?|re-?appear\w*|re-?develop\w*|re-?accumulat\w*",
        _NEW,
        compares=True,
    ),
    Qualifier(r"recurren\w+", _NEW, compares=True, beside=True),
    Qualifier(
        r"unchanged|unaltered|stable|stably|constant|(?:no|without) (?:\w+ ){0,2}change"
        r"|(?:no|without) (?:(?:significant|interval|appreciable|substantial|definite|other|major) )+changes"
        r"|(?:has|have) not (?:\w+ )?changed|not (?:\w+ )?(?:changed|resolved|cleared|improved|worsened)|as before"
        r"|similar(?: in \w+)? to(?! (?:the )?(?:left|right|contralateral|opposite))|similar in (?:appearance|size|extent)"
        r"|(?<!\ba\s)similar(?! (?:to|findings?|changes?)\b| in \w+ to\b)|remains? (?:the same|unchanged|stable)",
        _SAME,
        compares=True,
    ),
    Qualifier(
        r"again|re-?demonstrat\w+|persist\w*|remains?|continued?(?: to)?(?! follow)", _SAME, compares=True, weak=True
    ),
    Qualifier(
        r"residual(?! (?:\w+ )?(?:sutures?|clips?|contrast|barium)\b)|remaining(?! lungs?\b)",
        _SAME,
        compares=True,
        beside=True,
        weak=True,
    ),
    Qualifier(
        r"(?:near|nearly|almost|partial|partially|partly|incomplete|incompletely|mostly|largely)(?:[ -]complete(?:ly)?)?"
        r"(?: interval)? (?:resolved|resolution|cleared|clearing|reexpan\w+)"
        rf"|improv(?:ed|ing|ement|es)|resolving|decreasing|decrease|less {_MARKED}{_HERE}|smaller{_HERE}"
        rf"|less(?= {_FOUND})|lessen\w*|halved|subsid(?:ed|ing)|abat(?:ed|ing)|ameliorat\w*|re-?expan(?:ded|ding|sion)"
        rf"|regress\w*|(?:has|have|had){_MUCH} (?:decreased|diminished|shrunk)"
        r"|(?:decreased|diminished|reduced) (?:in \w+ )?(?:since|from|compared)",
        _LESS,
        compares=True,
    ),
    Qualifier(rf"decreased|diminish\w+|reduced|reduction|lesser{_HERE}", _LESS, compares=True, beside=True),
    Qualifier(
        rf"increasing(?:ly)?|increase|more(?= {_FOUND})|more {_MARKED}{_HERE}|(?:has|have|had){_MUCH} increased"
        r"|increased (?:in \w+ )?(?:since|from|compared)|interval(?: \w+)? increase",
        _MORE,
        compares=True,
    ),
    Qualifier(rf"increased|greater{_HERE}", _MORE, compares=True, beside=True),
    Qualifier(
        rf"worsen(?:ed|ing|s)?|(?:worse|larger|bigger){_HERE}|enlarging|deteriorat\w+|(?:doubl|tripl|quadrupl)ed"
        rf"|progress(?:ion|ive|ively|ed|ing)|(?:has|have|had){_MUCH} (?:enlarged|grown)"
        r"|interval(?: \w+)? (?:enlargement|progression|growth)",
        _WORSE,
        compares=True,
    ),
    Qualifier(r"resolved|resolution|cleared|clearing|no longer|disappear\w*", _GONE, compares=True),
    Qualifier(r"removed|removal", (Change.RESOLVED,), compares=True),
    Qualifier(r"interval", compares=True),
    # Severity and size.
    Qualifier(r"tiny|minute", severity=0, size=True),
    Qualifier(r"minimal(?:ly)?|trace|faint|borderline", severity=0),
    Qualifier(r"small(?:-sized)?", severity=1, size=True),
    Qualifier(r"mild(?:ly)?|slight(?:ly)?|minor", severity=1),
    Qualifier(r"moderate(?:ly)?(?:-sized)?", severity=2),
    Qualifier(r"large(?:-sized)?", severity=3, size=True),
    Qualifier(r"severe(?:ly)?|marked(?:ly)?|massive|extensive", severity=3),
    # Sides.
    Qualifier(
        r"bilateral(?:ly)?|both|bibasilar|bibasal|biapical"
        r"|(?:right|left)(?:-sided)? (?:and|greater than|more than|worse than|larger than|>) (?:the )?(?:right|left)",
        side=Side.BILATERAL,
    ),
    Qualifier(r"left(?:-sided)?|lingular?", side=Side.LEFT),
    Qualifier(r"right(?:-sided)?|middle lobe", side=Side.RIGHT),
)

# A size in numbers, which may be withheld: "1.2 cm", "8-mm", "XXXX cm", "x cm".
MEASUREMENT = re.compile(r"(?:\d|\bx+)[\s-]*(?:mm|cm|(?:milli|centi)met(?:er|re)s?)\b", re.IGNORECASE)
DEVICE_CHANGE = re.compile(
    r"\b(?:removed|removal|placement)\b", re.IGNORECASE
)  # said of what the labeler need not know
DENIAL = re.compile(r"\b(?:not|no|without|nor|neither|never)\b", re.IGNORECASE)


@cache
def _pattern() -> re.Pattern[str]:
    groups = [f"(?P<q{row}>{qualifier.words})" for row, qualifier in enumerate(QUALIFIERS)]
    return re.compile(rf"(?<![\w-])(?:{join(groups)})(?!\w)")


def find_words(text: str) -> list[Word]:
    """The qualifiers of a lower-case text in order; none overlaps another."""
    found = ((QUALIFIERS[int((match.lastgroup or "")[1:])], match) for match in _pattern().finditer(text))
    return [Word(meaning, *match.span()) for meaning, match in found]


def compares_always(word: str) -> bool:
    """Whether a word compares with a prior whatever follows it: "unchanged" does, "new" may be New York's."""
    rests = ("", " of", " follow", " york", " than normal", " on the left", " one", " findings")
    return all(
        any(found.meaning.compares and not found.meaning.beside for found in find_words(word + r)) for r in rests
    )
