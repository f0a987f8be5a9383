"""Made-up scores with labels, and a calibration of them."""

from __future__ import annotations

import numpy as np

from cxrreport.findings import FINDINGS
from cxrreport.model.calibration import Calibration, sigmoid
from cxrreport.records import View
from cxrreport.trust.fit import fit_calibration
from cxrreport.trust.scored import Scored

NETWORK = "1" * 64


def made_up(count: int = 600, seed: int = 0, slope: float = 2.0, offset: float = -1.0, name: str = "made up") -> Scored:
    """Films whose true log odds are `slope` x those of the score + `offset`, two of a patient; half AP, half PA."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.5, (count, len(FINDINGS)))
    positive = rng.random(logits.shape) < sigmoid(slope * logits + offset)
    views = [View.AP if i % 2 else View.PA for i in range(count)]
    known = np.ones(logits.shape, bool)
    return Scored(name, sigmoid(logits), positive, known, views, [f"{name} {i // 2}" for i in range(count)])


def made_up_calibration(network: str = NETWORK) -> Calibration:
    """Fitted to such films."""
    return fit_calibration([made_up()], network)
