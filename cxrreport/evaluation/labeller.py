"""Who reads the findings of drafts and references: the project's rules, or CheXbert where its weights are at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrreport.datasets.sample import Sample
from cxrreport.evaluation.clinical import state_maps
from cxrreport.findings import State
from cxrreport.reports.labels import label, rules

States = list[dict[str, State]]


@dataclass(frozen=True, slots=True)
class Labeller:
    """Labels of drafts and of studies; `source` names who gives them. read None: the rules."""

    source: str
    read: Callable[[Sequence[str]], States] | None = None

    def findings(self, texts: Sequence[str]) -> States:
        """Labels of drafts."""
        if self.read is not None:
            return self.read(texts)
        once = {text: label(text) for text in set(texts)}
        return [once[text] for text in texts]

    def truth(self, samples: Sequence[Sample]) -> States:
        """Labels of the signed reports, findings and impression."""
        if self.read is not None:
            return self.read([f"{s.report} {s.summary}" for s in samples])
        return state_maps(np.stack([s.states for s in samples]))


def make_labeller(chexbert: Path | None, device: str) -> Labeller:
    """The rules, or CheXbert from its directory.

    Raises
    ------
    WeightsError : CheXbert's files are missing or do not fit.
    """
    if chexbert is None:
        return Labeller(rules())
    from cxrreport.model.chexbert import CheXbert  # loads hundreds of megabytes where it is used

    return Labeller("chexbert", CheXbert(chexbert, device).label)
