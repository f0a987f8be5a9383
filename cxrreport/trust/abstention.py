"""Which reasons of abstention can hold with the weights, the calibration and the rule in use (docs/trust.md, Abstention)."""

from __future__ import annotations

from math import isfinite

from cxrreport.codes import Abstained, Flag
from cxrreport.model.manifest import UPRIGHT
from cxrreport.model.reference import REFERENCE
from cxrreport.settings import Settings
from cxrreport.trust.policy import load_policy
from cxrreport.trust.used import calibrations

_BY_RULE = "the rule asks for none"


def reasons(settings: Settings) -> dict[Abstained, str]:
    """What each reason lacks, in the order in which they are looked at; "" where it can hold.

    Raises
    ------
    WeightsError : as `calibrations`. ConfigurationError : as `load_policy`.
    """
    (manifest, calibration, _), rule = calibrations(settings), load_policy(settings.trust).abstain
    told = set(rule.flags) if UPRIGHT in manifest["files"] else {Flag.FILM_UNUSUAL} & rule.flags
    distance = "" if "reference" in manifest else f"the weights have no {REFERENCE}"
    return {
        Abstained.QUALITY: "" if told else _BY_RULE if not rule.flags else f"the weights have no {UPRIGHT}",
        Abstained.UNUSUAL: distance if isfinite(rule.distance) else _BY_RULE,
        Abstained.DOUBT: ("" if calibration else "nothing is calibrated") if isfinite(rule.doubt) else _BY_RULE,
    }
