"""Training pairs of a prior and a current frontal film, from every source that there is."""

from __future__ import annotations

from cxrreport.training.pairs.followups import covid_pairs, hannover_pairs, nih_pairs
from cxrreport.training.pairs.inserted import identical_pairs, inserted_pairs
from cxrreport.training.pairs.phantom import phantom_pairs
from cxrreport.training.pairs.sample import PairSample

__all__ = [
    "PairSample",
    "covid_pairs",
    "hannover_pairs",
    "identical_pairs",
    "inserted_pairs",
    "nih_pairs",
    "phantom_pairs",
]
