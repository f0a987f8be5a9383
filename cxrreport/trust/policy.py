"""The rule of the gates, as `trust.toml` writes it down."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from cxrreport.codes import Flag
from cxrreport.drafting.abstain import Limits
from cxrreport.errors import ConfigurationError
from cxrreport.findings import FINDINGS, NO_FINDING

Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Years = Annotated[float, Field(ge=0.1, le=1000, strict=True)]
GATED = FINDINGS[:NO_FINDING]  # "no finding" follows from the others
Finding = Annotated[str, Field(pattern=f"^({'|'.join(GATED)})$")]
Subject = Annotated[str, Field(pattern="^(state|change)$")]
_CODE = "configuration.trust"


class Bounds(BaseModel):
    """Least number of agreeing studies, and bounds of the ends of the intervals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agree: Count
    precision: Share
    sensitivity: Share


class Drift(BaseModel):
    """When drift rings.

    weeks, drafts : of the reference period, and the least number of each of its weeks. studies : in it, for a chart or a
    device of its own. years, watch : in which chance alone would pass the limit of an alarm, or of a watch, once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weeks: Annotated[Count, Field(ge=4, le=52)]
    drafts: Count
    studies: Annotated[Count, Field(ge=20)]
    years: Years
    watch: Years

    @field_validator("watch")
    @classmethod
    def _sooner(cls, watch: float, info: ValidationInfo) -> float:
        """A chart is watched before it rings."""
        if watch > info.data.get("years", watch):
            raise ValueError
        return watch


class Abstain(BaseModel):
    """From where on readers are told "Not drafted: ..."."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    distance: Annotated[float, Field(ge=0)]
    doubt: Annotated[float, Field(ge=0)]
    flags: frozenset[Flag]

    @property
    def limits(self) -> Limits:
        """As drafting takes them."""
        return Limits(self.distance, self.doubt, self.flags)


def _shipped_abstain() -> Abstain:
    return default_policy().abstain


class Policy(BaseModel):
    """The rule: bounds of all findings, and what is otherwise for some.

    days : that count. least : studies that tell a finding, so that it can fail in them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: Annotated[Count, Field(le=36_500)]
    least: Count
    state: Bounds
    change: Bounds
    drift: Drift
    abstain: Abstain = Field(default_factory=_shipped_abstain)  # a site need not say it again
    findings: dict[Finding, dict[Subject, dict[str, Count | Share]]] = {}

    def bounds(self, finding: str, subject: str) -> Bounds:
        """Those of one gate."""
        usual: Bounds = getattr(self, subject)
        return Bounds(**{**usual.model_dump(), **self.findings.get(finding, {}).get(subject, {})})


def load_policy(path: Path | None) -> Policy:
    """Read the rule of a site; that of the package where `path` is None.

    Raises
    ------
    ConfigurationError : it cannot be read, or says what has no meaning.
    """
    return _read(path) if path else default_policy()


@cache
def default_policy() -> Policy:
    """The shipped rule."""
    return _read(Path(__file__).with_name("trust.toml"))


def _read(path: Path) -> Policy:
    try:
        found = Policy(**_table(path))
        for finding, subjects in found.findings.items():
            for subject in subjects:
                found.bounds(finding, subject)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise ConfigurationError(f"The rule of the gates cannot be used: {place} is wrong or missing.", _CODE) from None
    return found


def _table(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError("The rule of the gates cannot be read as TOML.", _CODE) from error
