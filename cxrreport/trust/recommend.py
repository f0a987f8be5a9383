"""`cxrreport trust recommend`: whether to calibrate or to train, and what it brings on a held-out fifth of patients.

Nothing is drafted and no film is read: the scores stand with the drafts. docs/trust.md says what it can tell, and what not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cxrreport.findings import FINDINGS
from cxrreport.model.calibration import Calibration
from cxrreport.model.manifest import weights_sha256
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.gates import Gate, gates
from cxrreport.trust.archive import LEAST
from cxrreport.trust.fit import fit_calibration
from cxrreport.trust.gain import Way, gains
from cxrreport.trust.policy import GATED, Policy, load_policy
from cxrreport.trust.recombine import recombined
from cxrreport.trust.scored import Bools, Scored
from cxrreport.trust.truth import read_scored
from cxrreport.trust.used import calibrations

APART = 30  # patients of the fifth: of fewer an interval says less than it seems to


def recommend(settings: Settings) -> dict[str, Any]:
    """Say whether to calibrate or to train, of the drafts that were judged by now.

    Returns
    -------
    `studies`, `patients` and `held_out`, which both are of the fifth; `calibrate` and `train`, each with `recommended`, `why`
    and the `measures` of `gains` (None where there is too little); `failing` : findings of closed gates that reports tell
    often enough.

    Raises
    ------
    ConfigurationError : the rule of the gates cannot be used. WeightsError : weights or calibration are damaged.
    """
    policy, (manifest, used, shipped) = load_policy(settings.trust), calibrations(settings)
    with open_archive(settings, read_only=True) as engine:
        scored, apart = read_scored(engine, weights_sha256(manifest))
        with session(engine, read_only=True) as s:
            known = gates(s)
    return advise(scored, apart, used, shipped) | {"failing": _failing(scored, known, policy)}


def advise(scored: Scored, held_out: Bools, used: Calibration | None, shipped: Calibration | None) -> dict[str, Any]:
    """As `recommend`, of scores.

    held_out : (n,) films of the fifth. used : the calibration in use; shipped : that from which a new fit begins.
    """
    fitting, apart = scored.take(~held_out), scored.take(held_out)
    counts = {"studies": len(scored.views), "patients": len(set(scored.patients))}
    found = {**counts, "held_out": {"studies": len(apart.views), "patients": len(set(apart.patients))}}
    lacks = _lacks(scored, apart)
    if lacks:
        nothing = {"recommended": False, "why": lacks, "measures": None}
        return found | {"calibrate": nothing, "train": nothing}
    fitted = fit_calibration([fitting], "", shipped)
    after = Way.of(fitted, apart)
    calibrate = gains(Way.of(used, apart), after, apart)
    train = gains(after, Way(recombined(fitting, apart, fitted)), apart)
    return found | {"calibrate": _told(calibrate, _CALIBRATE), "train": _told(train, _TRAIN)}


def _lacks(scored: Scored, apart: Scored) -> str:
    """Why nothing can be said; "" where something can."""
    if len(scored.views) < LEAST:
        return f"{len(scored.views)} drafts of the weights in use were judged, fewer than {LEAST}"
    patients = len(set(apart.patients))
    return f"the held-out fifth has {patients} patients, fewer than {APART}" if patients < APART else ""


_CALIBRATE = ("a new fit is better on patients that it has not seen", "a new fit is not certainly better")
_TRAIN = (
    "the scores hold more than a calibration takes out of them, so training can gain at least as much",
    "a linear reading of all scores gains nothing for certain, which does not tell whether training would",
)


def _told(measures: dict[str, dict[str, Any]], why: tuple[str, str]) -> dict[str, Any]:
    """Recommended where the interval of the log loss excludes that nothing is gained."""
    low = measures["log_loss"]["low"]
    helps = low is not None and low > 0
    return {"recommended": helps, "why": why[not helps], "measures": measures}


def _failing(scored: Scored, known: dict[tuple[str, str], Gate], policy: Policy) -> list[dict[str, Any]]:
    """Findings that enough reports tell to open a gate, and whose gate is closed."""
    told = np.where(scored.known, scored.positive, False).sum(0)
    rows = []
    for finding in GATED:
        gate, count = known.get((finding, "state")), int(told[FINDINGS.index(finding)])
        if count >= policy.bounds(finding, "state").agree and not (gate and gate.open):
            rows.append({"finding": finding, "reports": count, "why": gate.reason if gate else ""})
    return rows
