"""The sentences of a site: a finding, its state, side, severity and change in plain words (wording.yaml)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cxrreport.findings import CHANGED, STEADY, Change, State
from cxrreport.reports.comparison import mend_articles
from cxrreport.reports.qualifiers import Side

_PLURAL = re.compile(r"(?<![ius])s$")
TOLD = tuple(change for change in Change if change in CHANGED or change is Change.UNCHANGED)  # changes that have words
_OF_DEGREE = (Change.WORSENED, Change.IMPROVED)


def _slots(*needed: str, free: tuple[str, ...] = ()) -> AfterValidator:
    """A phrase has each needed slot once, free ones as it likes, and no others."""

    def check(form: str) -> str:
        slots = [
            (name, spec or conversion) for _, name, spec, conversion in Formatter().parse(form) if name is not None
        ]
        if any(more for _, more in slots):
            raise ValueError("a slot has only a name")
        counts = Counter(name for name, _ in slots)
        if unknown := {*counts} - {*needed, *free}:
            raise ValueError(f"no such slot here: {', '.join(sorted(unknown))}")
        if wrong := [name for name in needed if counts[name] != 1]:
            raise ValueError(f"{{{wrong[0]}}} belongs there once")
        return form

    return AfterValidator(check)


_Text = Annotated[str, Field(min_length=1, max_length=200)]
Plain = Annotated[_Text, _slots()]
Noun = Annotated[_Text, _slots(free=("left",))]
Named = Annotated[_Text, _slots("name")]
Listed = Annotated[_Text, _slots("list")]
Lead = Annotated[_Text, _slots("clauses", free=("when",))]
Variants = Annotated[tuple[Annotated[_Text, _slots(free=("one", "name", "is", "has"))], ...], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FindingWords(_Part):
    """What one finding is called; `positive` … `resolved` where it has sentences of its own."""

    one: Noun
    both: Noun | None = None
    gone: Named | None = None  # of impression and comparison, where not that of all findings
    positive: Variants | None = None
    uncertain: Variants | None = None
    negative: Variants | None = None
    new: Variants | None = None
    worsened: Variants | None = None
    unchanged: Variants | None = None
    improved: Variants | None = None
    resolved: Variants | None = None


class Sentences(_Part):
    """Sentences of any finding."""

    positive: Variants
    uncertain: Variants
    negative: Variants
    new: Variants
    worsened: Variants
    unchanged: Variants
    improved: Variants
    resolved: Variants


class ImpressionWords(_Part):
    """Sentences of the impression."""

    nothing_acute: Plain = Field(alias="nothing acute")
    positive: Listed
    uncertain: Listed
    absent: Listed
    new: Named
    worsened: Named
    improved: Named
    resolved: Named


class ComparisonWords(_Part):
    """The sentence that says what has become of the findings since the prior."""

    lead: Lead
    new: Named
    worsened: Named
    improved: Named
    resolved: Named
    unchanged: Named
    no_change: Plain = Field(alias="no change")
    unknown: Plain


class Wording(_Part):
    """The words of one site, as its file has them."""

    findings: Mapping[str, FindingWords]
    kinds: Mapping[str, Plain]
    sentences: Sentences
    none_of: tuple[Listed, ...] = Field(alias="none of", min_length=1)
    nothing: Plain
    impression: ImpressionWords
    comparison: ComparisonWords

    @property
    def digest(self) -> str:
        """What names this wording in a draft's provenance."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def name(self, finding: str, side: Side | None = None) -> str:
        """ "left pleural effusion", without an article."""
        return re.sub(r"^an? ", "", self._one(finding, side))

    def _one(self, finding: str, side: Side | None) -> str:
        said = self.findings[finding]
        form = said.both if side is Side.BILATERAL and said.both else said.one
        return _filled(form, left=side.value if side and said.both else "")

    def sentence(
        self, finding: str, state: State, key: str, side: Side | None = None, change: Change | None = None
    ) -> str:
        """One sentence; `key` chooses among its variants. change : one of `TOLD`, or None."""
        said = self.findings[finding]
        kind = (change or state).value
        variants: tuple[str, ...] = getattr(said, kind) or getattr(self.sentences, kind)
        return _sentence(_pick(variants, f"{key}/{finding}"), self._one(finding, side))

    def phrase(self, part: ImpressionWords | ComparisonWords, finding: str, change: Change, side: Side | None) -> str:
        """What a part of the draft says of one finding that has a change there: "pleural effusion worsened"."""
        own = self.findings[finding].gone if change is Change.RESOLVED else None
        return (own or getattr(part, change.value)).format(name=self.name(finding, side))

    def device(self, kind: str, key: str, change: Change | None = None) -> str:
        """One sentence of a kind of device that is there."""
        variants = getattr(self.sentences, (change or State.POSITIVE).value)
        return _sentence(_pick(variants, f"{key}/{kind}"), self.kinds[kind])

    def none(self, findings: Sequence[str], key: str) -> str:
        """One sentence that denies several findings; of one alone the sentence of its own."""
        if len(findings) == 1:
            return self.sentence(findings[0], State.NEGATIVE, key)
        names = listed([self.name(finding) for finding in findings], "or")
        return finished(_filled(_pick(self.none_of, key), list=names))


def changes_told(finding: str) -> tuple[Change, ...]:
    """The changes that this finding can have and that have words."""
    return tuple(change for change in TOLD if finding not in STEADY or change not in _OF_DEGREE)


def listed(names: Sequence[str], joint: str = "and") -> str:
    """ "a, b and c"."""
    return f" {joint} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def finished(text: str) -> str:
    """A sentence with its capital, its articles and its full stop."""
    said = mend_articles(" ".join(text.split()))
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def _sentence(form: str, one: str) -> str:
    name = re.sub(r"^an? ", "", one)
    plural = _PLURAL.search(name)
    verbs = {"is": "are" if plural else "is", "has": "have" if plural else "has"}
    return finished(_filled(form, one=one, name=name, **verbs))


def _filled(form: str, **slots: str) -> str:
    return mend_articles(" ".join(form.format_map(slots).split()))


def _pick(variants: Sequence[str], key: str) -> str:
    return variants[int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % len(variants)]
