"""What a hospital calls its systems and its codes, as far as its settings say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxrreport.settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """Names and codes of a hospital for HL7 v2: "application|facility", and row or finding -> "code^text^system".

    timezone : that of its clock, by the name of the IANA; None where nobody tells.
    """

    hl7_sender: str = "CXRREPORT"
    hl7_receiver: str = ""
    hl7_codes: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None


def site_of(settings: Settings) -> Site:
    """Return what the settings say of the site."""
    return Site(settings.hl7_sender, settings.hl7_receiver, settings.hl7_codes, settings.timezone)
