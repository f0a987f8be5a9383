"""What a draft told wrongly of one finding, beside what was signed: verdict, dimension, and how soon it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cxrreport.drafts import Span
from cxrreport.findings import Tier


class Verdict(StrEnum):
    """How a draft tells one finding, beside the reference."""

    CORRECT = "correct"
    PARTIAL = "partial"  # less than the reference, or a shade of it
    WRONG = "wrong"  # the opposite of what the reference says
    MISSED = "missed"
    INVENTED = "invented"  # the reference is silent


class Dimension(StrEnum):
    """In what a draft differs; name: it tells a finding that implies the reference's, or is implied by it."""

    NONE = ""
    STATE = "state"
    SIDE = "side"
    SEVERITY = "severity"
    CHANGE = "change"
    CERTAINTY = "certainty"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Verdict on one finding (of another abnormality: with its name); "mistake" also where there is none."""

    finding: str
    name: str
    verdict: Verdict
    dimension: Dimension
    tier: Tier

    @property
    def changes_what_is_done(self) -> bool:
        """Wrong, missed or invented, and somebody would have had to act on it, or acts in vain."""
        return self.verdict not in (Verdict.CORRECT, Verdict.PARTIAL) and self.tier is not Tier.ROUTINE


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A draft beside what was signed: both texts, and the spans in which they speak of a finding told otherwise.

    row : what a report tells of the draft in its list of the worst (docs/trust.md, Report).
    """

    row: Mapping[str, Any]
    draft: str
    signed: str
    draft_spans: tuple[Span, ...]
    signed_spans: tuple[Span, ...]
