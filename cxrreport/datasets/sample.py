"""Training samples: images in memory, target text, states, and who belongs to which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cxrreport.errors import UsageError
from cxrreport.findings import FINDINGS, State
from cxrreport.records import SIDE
from cxrreport.reports.comparison import plain_sentences
from cxrreport.reports.labels import label
from cxrreport.reports.sections import clean, cut

_STATE_INDEX = {state: index for index, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Sample:
    """One study to learn from.

    pixels (2, 256, 256) uint8, frontal and lateral; present (2,) bool; report: the reference as signed;
    target: what the decoder is to say; summary: what the text tower embeds; states (14,) indices into `State`;
    indication: why the film was made, "" where nothing says.
    """

    key: str
    patient: str
    pixels: npt.NDArray[np.uint8]
    present: npt.NDArray[np.bool_]
    report: str
    target: str
    summary: str
    states: npt.NDArray[np.int64]
    indication: str = ""

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        """(14,) bool: what the report asserts."""
        positive: npt.NDArray[np.bool_] = self.states == _STATE_INDEX[State.POSITIVE]
        return positive

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(14,) bool: all, for what a report leaves out is held to be absent."""
        return np.ones(len(FINDINGS), np.bool_)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of a dataset that is no study to learn from: its number, from 1, and a code that says why."""

    row: int
    code: str


def target_text(report: str) -> str:
    """Report -> what the decoder learns: its `plain_sentences` sentences joined by " . ", at most 100 words."""
    kept = plain_sentences(report)
    return cut(" . ".join(kept) + " .") if kept else ""


def state_indices(text: str) -> npt.NDArray[np.int64]:
    """States of the 14 findings of a report, as indices into `State`."""
    found = label(text)
    return np.array([_STATE_INDEX[found[finding]] for finding in FINDINGS])


def stack_views(views: Sequence[npt.NDArray[np.uint8] | None]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Frontal and lateral -> pixels (2, 256, 256), a missing one blank, and which are present (2,)."""
    blank = np.zeros((SIDE, SIDE), np.uint8)
    return np.stack([blank if one is None else one for one in views]), np.array([f is not None for f in views])


def make_sample(
    key: str, patient: str, views: Sequence[npt.NDArray[np.uint8] | None], findings: str, impression: str,
    labels: Mapping[str, State] | None = None, indication: str = "",
) -> Sample:  # fmt: skip
    """Assemble a sample; without labels of all findings the states come from findings and impression together."""
    stacked, present = stack_views(views)
    summary = clean(impression or findings)
    if labels and all(finding in labels for finding in FINDINGS):
        states = np.array([_STATE_INDEX[labels[finding]] for finding in FINDINGS])
    else:
        states = state_indices(f"{findings} {impression}")
    target = target_text(findings)
    return Sample(key, patient, stacked, present, findings, target, summary, states, indication)


def check_disjoint(train: Iterable[Sample], other: Iterable[Sample]) -> None:
    """Assert that no patient and no study is on both sides of a split.

    Raises
    ------
    UsageError : one is.
    """
    seen, asked = list(train), list(other)
    if shared := {s.patient for s in seen} & {s.patient for s in asked}:
        raise UsageError(f"{len(shared)} patients are in two splits of the dataset.")
    if shared := {s.key for s in seen} & {s.key for s in asked}:
        raise UsageError(f"{len(shared)} studies are in two splits of the dataset.")


def left_out(read: Reader | None) -> dict[str, int]:
    """What a reader has left out so far, by code, without zeros; nothing where there is no reader."""
    return {code: count for code, count in sorted(read.skipped.items()) if count} if read else {}


class Reader(Protocol):
    """Reads the splits train, val and test of one collection of studies.

    `name` stands in manifests and tables; `least` is how many studies training needs.
    """

    name: str
    least: int

    @property
    def skipped(self) -> Counter[str]:
        """What has been left out so far, by code: studies, and lateral images of studies that are taken (`film.lateral`)."""

    def __call__(self, split: str, limit: int | None = None, only: Collection[str] | None = None) -> list[Sample]:
        """The first `limit` samples of a split, of those with one of the keys `only`."""
