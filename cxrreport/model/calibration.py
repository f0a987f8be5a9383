"""From the network's scores to probabilities and states: a curve and two bounds for each finding and view.

docs/calibration.md tells how they are fitted. numpy only: commands that read an archive need no network for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from cxrreport.errors import WeightsError
from cxrreport.findings import FINDINGS, NO_FINDING, PATHOLOGY, State
from cxrreport.log import get_log
from cxrreport.model.manifest import is_fitted
from cxrreport.model.tie import Tie
from cxrreport.records import View

CALIBRATION, VERSION = "calibration.json", 1
GROUPS = ("ap", "pa", "unknown")  # views of a film, as far as probabilities differ between them
_LEAST = 1e-4  # scores nearer to 0 or 1 say no more than this
Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", float, Floats)


@dataclass(frozen=True, slots=True)
class Curve:
    """p(positive) = sigmoid(slope * log odds of the score + offset), and what follows from it.

    positive : probability from which on the finding is called; None where it never is.
    negative : probability below which it is firmly denied. The two may cross where a finding is hardly told: what is called
        is not denied.
    """

    slope: float
    offset: float
    positive: float | None
    negative: float

    def probability(self, scores: Number) -> Number:
        """Probabilities of scores, both 0..1."""
        found: Number = sigmoid(self.slope * log_odds(scores) + self.offset)
        return found

    def states(self, probabilities: npt.ArrayLike) -> list[State]:
        """The states of one finding in many films; NaN is uncertain."""
        called = np.inf if self.positive is None else self.positive
        return [
            State.POSITIVE if p >= called else State.NEGATIVE if p < self.negative else State.UNCERTAIN
            for p in np.asarray(probabilities, np.float64).tolist()
        ]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curves of all findings. `network` is the digest of the network whose scores they fit; `content` the stored bytes,
    `document` what they hold, `tie` of pairs.
    """

    network: str
    curves: Mapping[tuple[str, str], Curve]  # finding and group
    content: bytes
    document: Mapping[str, Any]
    tie: Tie

    @property
    def sha256(self) -> str:
        """What identifies it in every draft."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def shipped(cls, directory: Path, manifest: Mapping[str, Any]) -> Calibration | None:
        """That of a weights directory; None where it was never calibrated.

        Raises
        ------
        WeightsError : it cannot be read, or is not the one that the manifest names, of this network.
        """
        if "calibration" not in manifest:
            return None
        found = cls.load(directory / CALIBRATION)
        if not is_fitted(manifest, "calibration", found.content, found.network):
            raise WeightsError("The calibration is not the one of these weights.", "calibration.other")
        return found

    @classmethod
    def own(cls, home: Path, network: str) -> Calibration | None:
        """That of an archive; None where it has none, or one of another network, which is said.

        Raises
        ------
        WeightsError : it is damaged.
        """
        if not (home / CALIBRATION).exists():
            return None
        found = cls.load(home / CALIBRATION)
        if found.network == network:
            return found
        get_log().warning("calibration.unfit")
        return None

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a file.

        Raises
        ------
        WeightsError : it cannot be read, or is no calibration of this version.
        """
        try:
            return cls.parse(path.read_bytes())
        except OSError as error:
            raise WeightsError("The calibration cannot be read.", "calibration.malformed") from error

    @classmethod
    def parse(cls, content: bytes) -> Calibration:
        """Read the bytes of a file; raises as `load`."""
        try:
            document = json.loads(content)
            if document["version"] != VERSION:
                raise ValueError(VERSION)
            curves = {(f, g): _curve(document["findings"][f][g]) for f in FINDINGS for g in GROUPS}
            return cls(str(document["network_sha256"]), curves, content, document, Tie.read(document["pair"]))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise WeightsError("The calibration is damaged or of another version.", "calibration.malformed") from error

    def apply(self, scores: Sequence[float], view: View | None) -> tuple[tuple[float, ...], tuple[State, ...]]:
        """Probabilities and states of the 14 findings of one film, from the network's scores in the order of `FINDINGS`."""
        probabilities, states = self.apply_all(np.array([scores], np.float64), [view])
        return tuple(probabilities[0].tolist()), states[0]

    def apply_all(self, scores: Floats, views: Sequence[View | None]) -> tuple[Floats, list[tuple[State, ...]]]:
        """As `apply` for many films, scores (n, 14). "No finding" follows the others: positive where no pathology is."""
        groups = np.array([group_of(view) for view in views])
        probabilities = np.zeros(scores.shape)
        states = np.full(scores.shape, State.UNCERTAIN, object)
        for column, finding in enumerate(FINDINGS):
            for group in GROUPS:
                rows, curve = groups == group, self.curves[finding, group]
                probabilities[rows, column] = curve.probability(scores[rows, column])
                states[rows, column] = curve.states(probabilities[rows, column])
        called = (states[:, PATHOLOGY] == State.POSITIVE).any(1)
        states[called, NO_FINDING], states[~called, NO_FINDING] = State.BLANK, State.POSITIVE
        return probabilities, [tuple(row) for row in states]


def group_of(view: View | None) -> str:
    """The group of a film: "ap" and "pa" where the view is known."""
    return {View.AP: "ap", View.PA: "pa"}.get(view, "unknown") if view else "unknown"


def log_odds(scores: Number) -> Number:
    """Of scores 0..1; the ends are kept finite."""
    inside = np.clip(scores, _LEAST, 1 - _LEAST)
    found: Number = np.log(inside / (1 - inside))
    return found


def sigmoid(x: Number) -> Number:
    """Inverse of `log_odds`."""
    found: Number = 1 / (1 + np.exp(-x))
    return found


def _curve(facts: Mapping[str, Any]) -> Curve:
    called = facts["positive"]
    numbers = [float(facts[name]) for name in ("slope", "offset", "negative")]
    if not np.isfinite(numbers).all() or numbers[0] <= 0:
        raise ValueError("slope")
    bounds = [numbers[2], 0.0 if called is None else float(called)]
    if not all(0 <= bound <= 1 for bound in bounds):  # nor NaN
        raise ValueError("bound")
    return Curve(numbers[0], numbers[1], None if called is None else bounds[1], bounds[0])
