"""One study on its way from its images to its draft: a case grows step by step, and travels as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from cxrreport.drafting.retrieve import Retrieved
from cxrreport.findings import State
from cxrreport.model.calibration import Calibration
from cxrreport.model.comparer import PairReading
from cxrreport.model.drafter import NetworkDraft, StudyStates, join_features
from cxrreport.model.encoder import ImageFeatures
from cxrreport.records import Prepared, PreparedStudy, Study
from cxrreport.store.heard import Signed


@dataclass(slots=True, eq=False)
class Exam:
    """A study, or the prior of one, as the network sees it alone. What stands below `pixels` comes when it has been read.

    features : of a batch of one. distance : as in `Draft`. retrieved : the reports most like it. states : its findings.
    """

    study: Study
    pixels: PreparedStudy
    features: ImageFeatures = field(init=False)
    distance: float | None = None
    retrieved: Retrieved = field(init=False)
    states: StudyStates = field(init=False)


@dataclass(slots=True, eq=False)
class Case:
    """A study to draft. What stands below `prior` is filled in as it goes along.

    signed : the signed report of the prior, where there is one.
    told : states of the findings in the draft and the signed report of the prior; None where there is neither.
    calibration : from scores to probabilities and states; None where the network's own hold.
    reading : study and prior together; None where the weights compare no pairs or make nothing of this one.
    """

    prepared: Prepared
    signed: Signed | None
    current: Exam
    prior: Exam | None
    calibration: Calibration | None = None
    told: Mapping[str, State] | None = None
    reading: PairReading | None = None
    text: NetworkDraft = field(init=False)

    @property
    def states_before(self) -> StudyStates | None:
        """The findings of the prior's film alone; None without a prior that has usable ones."""
        states = self.prior.states if self.prior else None
        return states if states and states.valid else None


def open_case(prepared: Prepared, signed: Mapping[int, Signed], *, laid: bool) -> Case:
    """A case of which nothing has been read. laid : the prior comes laid over the current image where that was possible."""
    pair, current = prepared.due.pair, Exam(prepared.due.pair.study, prepared.current)
    if pair.prior is None or prepared.prior is None:
        return Case(prepared, None, current, None)
    pixels = prepared.prior
    if laid and prepared.registered is not None:
        pixels = replace(pixels, frontal=prepared.registered)
    return Case(prepared, signed.get(pair.prior.id), current, Exam(pair.prior, pixels))


def stack(exams: Sequence[Exam]) -> tuple[ImageFeatures, npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Features of B studies, vectors of their retrieved reports (B, N, d) and which of these are there (B, N)."""
    vectors = np.stack([exam.retrieved.vectors for exam in exams])
    mask = np.stack([exam.retrieved.mask for exam in exams])
    return join_features([exam.features for exam in exams]), vectors, mask
