"""Bootstrap over studies: how often each is drawn, intervals of what follows from it, areas under the curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 1000
LEVEL = 0.95


def draw_counts(studies: int, seed: int = 0, draws: int = DRAWS) -> Floats:
    """How often each study comes when as many are drawn with replacement: (draws, studies), each row sums to `studies`.

    The same counts for all rows of a table make their differences paired.

    Raises
    ------
    ValueError : no study or no draw.
    """
    if studies < 1 or draws < 1:
        raise ValueError(f"{draws} draws of {studies} studies")
    generator = np.random.default_rng(seed)
    return generator.multinomial(studies, np.full(studies, 1 / studies), draws).astype(np.float64)


def interval(values: Floats, level: float = LEVEL) -> tuple[float, float] | None:
    """Percentile interval of resampled values (draws,); NaN draws are left out, None where there is no other."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def auc_draws(positive: npt.NDArray[np.bool_], probabilities: Floats, counts: Floats) -> Floats:
    """Area under the ROC curve in each draw, (draws,): pairs in order, a tie one half; NaN where a class was not drawn.

    positive, probabilities (studies,), counts (draws, studies).
    """
    high, low = probabilities[positive], probabilities[~positive]
    order = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    weight_high, weight_low = counts[:, positive], counts[:, ~positive]
    pairs = weight_high.sum(1) * weight_low.sum(1)
    won = ((weight_high @ order) * weight_low).sum(1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1), np.nan)
