"""How sure a pair must be of a change before it moves a state that the film alone gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tie:
    """Probabilities 0..1 of a change from which on a pair decides: appear that a finding is there, vanish that it is gone.

    More than 1 is never reached: then the film alone decides every state.
    """

    appear: float = 0.95
    vanish: float = 0.95

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Tie:
        """From the section "pair" of a calibration; what was not fitted is as by default.

        Raises
        ------
        ValueError, TypeError : a limit is no number from 0 on.
        """
        found = cls(**{name: float(facts.get(name, limit)) for name, limit in asdict(cls()).items()})
        if not (found.appear >= 0 and found.vanish >= 0):  # nor NaN
            raise ValueError("pair")
        return found
