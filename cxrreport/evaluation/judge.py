"""Who reads the findings of drafts and references: the project's rules, or CheXbert where its weights are at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrreport.datasets.sample import Sample
from cxrreport.findings import FINDINGS, State
from cxrreport.reports.labels import label, rules

States = list[dict[str, State]]
_STATES = tuple(State)


def state_maps(states: npt.NDArray[np.int64]) -> States:
    """State indices (n, 14) -> one mapping a study."""
    return [{f: _STATES[i] for f, i in zip(FINDINGS, row, strict=True)} for row in states.tolist()]


@dataclass(frozen=True, slots=True)
class Judge:
    """Labels of drafts and of studies; `source` names the labeller. read None: the rules.

    forms: compare the protocol's forms of draft and reference (as PromptMRG does), not the texts as drafted and signed.
    """

    source: str
    read: Callable[[Sequence[str]], States] | None = None
    forms: bool = False

    def findings(self, texts: Sequence[str], spoken: Sequence[str]) -> States:
        """Labels of drafts: texts as drafted, spoken in the protocol's form."""
        if self.read is not None:
            return self.read(spoken if self.forms else texts)
        once = {text: label(text) for text in set(texts)}
        return [once[text] for text in texts]

    def truth(self, samples: Sequence[Sample], references: Sequence[str]) -> States:
        """Labels of the signed reports, findings and impression; with `forms` of the references alone."""
        if self.read is None:
            return state_maps(np.stack([s.states for s in samples]))
        return self.read(references if self.forms else [f"{s.report} {s.summary}" for s in samples])


def make_judge(chexbert: Path | None, device: str, forms: bool) -> Judge:
    """The rules, or CheXbert from its directory; only CheXbert can read a protocol's forms, which lack punctuation.

    Raises
    ------
    WeightsError : CheXbert's files are missing or do not fit.
    """
    if chexbert is None:
        return Judge(rules())
    from cxrreport.model.chexbert import CheXbert  # loads hundreds of megabytes where it is used

    return Judge("chexbert", CheXbert(chexbert, device).label, forms)
