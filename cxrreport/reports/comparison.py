"""Comparison with a prior, taken out of a text for studies that have none.

A draft of a first study that says "unchanged" invents a prior; a network learns that from targets which say so.
"""

from __future__ import annotations

import re

from cxrreport.findings import Change
from cxrreport.reports.claims import has_comparison, read
from cxrreport.reports.qualifiers import MEASUREMENT, Word
from cxrreport.reports.sentences import pieces, sentences
from cxrreport.reports.whole import PLACEHOLDER

# Phrases that compare beside the words of change, and what is left of them, in this order.
_PRIOR = (
    r"(?:since|from|than|to)\s+(?:the\s+|a\s+|that\s+of\s+the\s+)?(?:prior|previous(?:ly)?|last|earlier|comparison)"
)
_REST = r"(?:(?!\b(?:with|and|which|but|there)\b)[^.;,)])*"  # up to where something else is said
_SEEN = r"(?:seen|noted|demonstrated|identified|visuali[sz]ed|described|present)"
_PHRASES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # "…, when compared with the prior study", "… since the previous exam", "… as before"
        (rf"(?:,\s*)?\b(?:in\s+\w+\s+)?(?:{_PRIOR}\b|since\b){_REST}", ""),
        (
            r"(?:,\s*|\(\s*)?\b(?:(?:as|when|in)\s+)?compar(?:ed|ison|ing)\b\s*(?:with|to|is\s+made\s+to)?\s"
            rf"{_REST}\)?",
            "",
        ),
        (
            rf"(?:,\s*)?\bas\s+(?:was\s+)?(?:before\b|previously\s+{_SEEN}|seen\s+on\s+(?:the\s+)?(?:prior|previous){_REST})",
            "",
        ),
        (r"\bin\s+the\s+(?:interval|interim)\b,?", ""),
        # "There has been interval development of …", "Redemonstration of the …"
        (
            r"^\s*(?:there\s+(?:has|have)\s+been\s+)?(?:an?\s+)?(?:(?:slight|mild|marked|significant)\s+)?(?:interval\s+)?"
            r"(?:development|increase|decrease|worsening|improvement|enlargement|progression)\s+(?:in|of)\s+"
            r"(?:the\s+)?(?:size\s+of\s+)?(?:the\s+)?",
            "",
        ),
        (r"\bre-?demonstration\s+of\s+(?:the\s+)?", ""),
        (r"\bre-?demonstrated\b", "demonstrated"),
        # "Again seen is a …", "is again noted"
        (rf"^\s*again\s+{_SEEN}\s+(?:is|are)\s+", ""),
        (r"\bthere\s+(is|are)\s+again\b", r"there \1"),
        (rf"\b(is|are)\s+again\s+(?={_SEEN})", r"\1 "),
        (rf"\bagain\s+(?={_SEEN})", ""),
        (rf"\bpreviously\s+{_SEEN}\s+(?=[a-z])(?!(?:in|on|at|and)\b)", ""),
        (r"\bnow\s+", ""),
        (r"\b(no|without)\s+((?:\w+\s+)?)(?:new(?:ly)?|residual)\s+", r"\1 \2"),
        (r"\bremains\b\s+(?!of\b)", "is "),
        (r"\bremain\b\s+(?!of\b)", "are "),
    )
)
# Where a word of change may be cut out: before a noun, in a list of adjectives, or as all that a verb says.
_MUCH = (
    r"(?:(?:slight|mild|moderate|marked|significant|minimal|essential|gross|relative|overall|interval)(?:ly)?\s+"
    r"|(?:somewhat|also|again|not|otherwise)\s+)*"
)
_VERB = r"(?:(?:,|\b(?:and|but|which|that)\b)\s*)?(?:\b(?:is|are|was|were|has|have|had|been|gotten|become|appears?|looks?)\s+)*"
_ADJECTIVE = r"(?:within|normal|unremarkable|clear|small|large|mild\w*|moderate\w*|enlarged|prominent|chronic)"
_BEFORE_NOUN = re.compile(
    r"\s+(?:(?:size|extent|position|appearance|prominence)\s+of\s+(?:the\s+)?)?(?=[a-z])"
    r"(?!(?:in|from|since|and|or|as|when|at|to|on|by|of|with|but|which|for|(?!cardiomegaly)\w+ly)\b)",
    re.IGNORECASE,
)
_NO_NOUN = re.compile(r"(?:no|not|without|has|have|had|is|are)\b|\w+[^s]s$|.*\s", re.IGNORECASE)
_LISTED = re.compile(rf"\s*(?:,|\band\b|\bbut\b)\s*(?={_ADJECTIVE}\b)", re.IGNORECASE)
_LIST = re.compile(rf"\b{_ADJECTIVE}(\s+and\s+|,\s*){_MUCH}$", re.IGNORECASE)
_BEFORE = re.compile(rf"\s*{_VERB}{_MUCH}$", re.IGNORECASE)
_CLAUSE_END = re.compile(
    r"(?:\s+in\s+(?:size|appearance|extent|position|degree|severity)|\s+(?!cardiomegaly)\w+ly)?(?=\s*(?:[.,;)]|$)|\s+(?:in|at|on)\s+the\b)",
    re.IGNORECASE,
)
# A part of the body of which nothing more is said: "stable cardiomediastinal silhouette" leaves no sentence.
_BODY = (
    r"(?:the|and|of|is|are|a|an|cardiac|cardio(?!megaly)\w*|mediastin\w*|hil(?:ar|a|um)|heart|pulmonary|vasculature|vascularity"
    r"|silhouettes?|contours?|size|appearance|appearing|chest|radiographs?|exam\w*|stud(?:y|ies)|x-?rays?|lungs?|volumes?"
    r"|position|aortic|aorta|bony|osseous|thorax|thoracic|structures?|superior|findings?|lines?|tubes?)"
)
_BODY_ALONE = re.compile(
    rf"(?:^|(?:,|\s+with|\s+and)\s+(?:and\s+|with\s+)?)(?:(?>{_BODY}\b)[\s-]*+)++(?=\s*(?:[.,;]|$))", re.IGNORECASE
)
_EMPTY_WORDS = re.compile(
    r"\b(?:the|an?|is|are|was|were|has|have|been|there|and|or|of|in|to|it|this|these|which|but|size|appearance|also|seen"
    r"|noted|demonstrated|identified|visuali[sz]ed|present|slightly|mildly|significantly)\b|\W",
    re.IGNORECASE,
)
_LOOSE_END = re.compile(
    r"(?:[\s,]+(?:and|which|that|appears?|appearing|is|are|has|have|been|grossly|relatively|essentially|slightly|mildly|overall"
    r"|in))+(?=\s*[.;]*\s*$)",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[ \t]+")
_GAP = re.compile(r"\s*\n\s*")  # a blank line ends a sentence that has no full stop, so it stays
_ARTICLES = ((re.compile(r"\b([Aa])n(?=\s+[b-df-hj-np-tv-z])"), r"\1"), (re.compile(r"\b([Aa])(?=\s+[aeio])"), r"\1n"))


def strip_comparison(text: str) -> str:
    """Remove comparison with a prior and keep the findings: "Unchanged cardiomegaly." becomes "Cardiomegaly.".

    A sentence that compares and nothing else, or that still compares after the edits, is dropped. Text without
    comparison comes back as it was. The result never `has_comparison`.
    """
    parts, position = [], 0
    for start, end in pieces(text):
        parts += [text[position:start], _strip_sentence(text[start:end])]
        position = end
    stripped = "".join([*parts, text[position:]])
    return stripped if stripped == text else _tidy(stripped)


def _strip_sentence(sentence: str) -> str:
    if not has_comparison(sentence):
        return sentence
    edited = _SPACES.sub(" ", sentence)
    for pattern, replacement in _PHRASES:
        edited = pattern.sub(replacement, edited)
    edited = _without_words(edited)
    edited = _mended(edited, sentence[0].isupper())
    return "" if has_comparison(edited) else edited


def _without_words(text: str) -> str:
    """The sentence without those words of change that can be cut out of it; what has resolved cannot."""
    for sentence in reversed(read(text).sentences):
        for word in reversed(sentence.comparisons):
            if word.meaning.change not in (None, Change.RESOLVED):
                text = _cut(text, word, bool(sentence.claims))
    return text


def _cut(text: str, word: Word, claimed: bool) -> str:
    """The text without a word that compares; as it was where the sentence would not be one any more."""
    before, after = text[: word.start], text[word.end :]
    if listed := _LISTED.match(after):
        return before + after[listed.end() :]
    if (noun := _BEFORE_NOUN.match(after)) and not _NO_NOUN.match(text[word.start : word.end]):
        joined = _LIST.search(before)
        before = before[: joined.start(1)] + " " if joined else re.sub(rf"{_MUCH}$", "", before, flags=re.IGNORECASE)
        return _BODY_ALONE.sub("", before + after[noun.end() :])
    verb, end = _BEFORE.search(before), _CLAUSE_END.match(after)
    if verb and end and (claimed or verb[0].lstrip().startswith((",", "and", "but", "which"))):
        return re.sub(r"^the\s+", "", before[: verb.start()], flags=re.IGNORECASE) + after[end.end() :]
    return text


def _mended(edited: str, capital: bool) -> str:
    """Repair what the edits left: loose words at the end, spaces, articles, the capital; "" if nothing is said."""
    edited = _LOOSE_END.sub("", edited)
    if not _EMPTY_WORDS.sub("", edited):
        return ""
    edited = mend_articles(edited)
    edited = re.sub(r"\s+(?=[.,;])|,(?=\s*[.;])", "", _SPACES.sub(" ", edited)).strip(" ,;")
    return edited[:1].upper() + edited[1:] if capital else edited


def mend_articles(text: str) -> str:
    """ "A" and "an" as the word that follows now asks for."""
    for pattern, article in _ARTICLES:
        text = pattern.sub(article, text)
    return text


def _tidy(text: str) -> str:
    """Close the gaps that dropped sentences leave."""
    text = re.sub(r"(?m)^[ \t]*(?:\d{1,2}[.)]|[-*•])[ \t]*(?=$|\d{1,2}[.)]\s)", "", text)
    return _GAP.sub(lambda gap: "\n\n" if gap[0].count("\n") > 1 else "\n", re.sub(r"[ \t]{2,}", " ", text)).strip()


# -- sentences that a draft may say -----------------------------------------------------------------------------------

_LIST_NUMBER = re.compile(r"^\s*\d+\s*[.)]\s*")
_UNSPOKEN = re.compile(r"[^\w\s,'/-]")


def plain_sentences(report: str) -> list[str]:
    """Sentences of a report that a draft of another study may say, in lower case, with commas and hyphens, without stops.

    Left out are comparisons, sentences that measure, for the network cannot, and sentences with a hole: of one that
    lacks the words that de-identification took out ("the XXXX are intact") a decoder learns broken English.
    """
    kept = (report[start:end] for start, end in sentences(report) if not PLACEHOLDER.search(report, start, end))
    seen = strip_comparison(" ".join(kept))
    said = (seen[start:end] for start, end in sentences(seen))
    return [words for sentence in said if not MEASUREMENT.search(sentence) and (words := _spoken(sentence))]


def _spoken(sentence: str) -> str:
    """One sentence without list number and unspoken signs."""
    return " ".join(_UNSPOKEN.sub(" ", _LIST_NUMBER.sub("", sentence).lower()).split()).strip(" ,/'-")
