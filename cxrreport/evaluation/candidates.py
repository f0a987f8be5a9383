"""The texts that are scored beside one another: drafts of weights, and what a drafting model has to beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from cxrreport.datasets.encoded import Encoded, encode_batch, encode_samples
from cxrreport.datasets.sample import Sample
from cxrreport.drafting.known import know
from cxrreport.drafting.table import film_rows
from cxrreport.drafting.text import final_text
from cxrreport.drafting.wording_file import default_wording
from cxrreport.evaluation.language import bleu
from cxrreport.evaluation.protocols import Protocol
from cxrreport.evaluation.retrieval import label_f1
from cxrreport.evaluation.scoring import draft_samples
from cxrreport.findings import State
from cxrreport.model.calibration import Calibration
from cxrreport.model.drafter import Drafter, NetworkDraft
from cxrreport.model.encoder import ImageFeatures

ALONE, CONSTANT, RANDOM = "decoder alone", "constant report", "random report"
BY_TEXT, BY_IMAGE, BY_LABELS = "nearest report by text", "nearest report by image", "retrieved report by labels"
SILENT, NORMAL = "no text", "normal report"  # what errors would be there if nobody drafted, or all films were normal
BASELINES = (ALONE, CONSTANT, BY_TEXT, BY_IMAGE, BY_LABELS, RANDOM, SILENT, NORMAL)
NORMAL_TEXT = "The heart is normal in size. The lungs are clear. There is no pleural effusion or pneumothorax."
_STATES = tuple(State)
_COMMONEST = 50


class Splits(NamedTuple):
    """The studies to learn from, those to choose by, and those that are scored."""

    train: Sequence[Sample]
    val: Sequence[Sample]
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Drafted:
    """What one weights directory makes of the samples: drafts, and the features and retrieval behind them."""

    drafts: list[NetworkDraft]
    encoded: Encoded

    @property
    def texts(self) -> list[str]:
        """Texts of the drafts."""
        return [draft.text for draft in self.drafts]

    def tables(self, calibration: Calibration | None) -> list[dict[str, State]]:
        """State of each finding, as the table of each draft has it."""
        rows = (film_rows(draft.states, calibration) for draft in self.drafts)
        return [{row.finding: row.state for row in table} for table in rows]


def draft(drafter: Drafter, train: Sequence[Sample], samples: Sequence[Sample]) -> Drafted:
    """Draft samples with the train split as the bank, their own patients left out."""
    bank = drafter.embed_texts([s.summary for s in train])
    encoded = encode_samples(drafter, samples, bank, [s.patient for s in train], 1, torch.Generator())
    return Drafted(draft_samples(drafter, encoded), encoded)


def stored_texts(
    drafted: Drafted, train: Sequence[Sample], calibration: Calibration | None
) -> list[tuple[str, tuple[str, ...]]]:
    """Texts and flags as `generate` stores them of studies without a prior; "" where it would store a failure."""
    rows = zip(drafted.drafts, drafted.encoded.retrieved.tolist(), range(len(drafted.drafts)), strict=True)
    made = (
        final_text(
            d, know(film_rows(d.states, calibration)), [train[i].report for i in near], default_wording(), str(number)
        )
        for d, near, number in rows
    )
    return [(text.string, flags) for text, flags in made]


def calibrated(
    drafts: Sequence[NetworkDraft], calibration: Calibration | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The network's scores (n, 14) and the probabilities that are stored: the same where nothing is calibrated."""
    scores = np.array([d.states.scores for d in drafts], np.float64)
    if calibration is None:
        return scores, scores
    return scores, calibration.apply_all(scores, [None] * len(drafts))[0]


def baseline_texts(
    drafter: Drafter, drafted: Drafted, splits: Splits, protocol: Protocol, seed: int
) -> dict[str, list[str]]:  # fmt: skip
    """What a drafting model has to beat, by name: texts for each study that is scored."""
    train, val, samples = splits
    return {
        CONSTANT: [constant(train, val, protocol)] * len(samples),
        **retrieved_texts(drafter, drafted, train, samples),
        RANDOM: random_reports(train, samples, seed),
        SILENT: [""] * len(samples),
        NORMAL: [NORMAL_TEXT] * len(samples),
    }


def constant(train: Sequence[Sample], val: Sequence[Sample], protocol: Protocol) -> str:
    """Of the 50 commonest training reports the one with the best BLEU-4 on val when it is said of every study.

    It is chosen in the form of the protocol; the more frequent wins a tie.
    """
    references = [protocol.reference(s.report) for s in val]
    common = [text for text, _ in Counter(s.report for s in train).most_common(_COMMONEST)]
    return max(common, key=lambda text: bleu([protocol.hypothesis(text)] * len(references), references)[3])


def retrieved_texts(
    drafter: Drafter, drafted: Drafted, train: Sequence[Sample], samples: Sequence[Sample]
) -> dict[str, list[str]]:
    """Reports of the nearest train studies: by text, by image, and the one of the N that the labels choose."""
    nearest = drafted.encoded.retrieved.numpy()
    chosen = by_labels(drafted.drafts, nearest, np.stack([s.states for s in train]))
    images = nearest_by_image(drafter, drafted.encoded, train, samples)
    rows = {BY_TEXT: nearest[:, 0], BY_IMAGE: images, BY_LABELS: chosen}
    return {name: [train[i].report for i in row.tolist()] for name, row in rows.items()}


def by_labels(
    drafts: Sequence[NetworkDraft], retrieved: npt.NDArray[np.int64], train_states: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Of the retrieved (n, N) the train row whose findings agree best with the network's (label-F1), ties by rank."""
    states = np.array([[_STATES.index(state) for state in draft.states.states] for draft in drafts])
    agreement = label_f1(states[:, None], train_states[retrieved])
    chosen: npt.NDArray[np.int64] = retrieved[np.arange(len(retrieved)), agreement.argmax(1)]
    return chosen


def nearest_by_image(
    drafter: Drafter, encoded: Encoded, train: Sequence[Sample], samples: Sequence[Sample]
) -> npt.NDArray[np.int64]:
    """Train row with the highest cosine of image vectors to each sample, another patient's; (n,)."""
    rows = list(range(len(samples)))
    queries = drafter.embed_images(encoded.features(rows, torch.zeros(len(rows), dtype=torch.long)).to(drafter.device))
    size = encode_batch(drafter)
    keys = np.concatenate([_image_keys(drafter, train[i : i + size]) for i in range(0, len(train), size)])
    own = np.array([s.patient for s in samples])[:, None] == np.array([s.patient for s in train])[None]
    nearest: npt.NDArray[np.int64] = np.where(own, -2, queries @ keys.T).argmax(1)
    return nearest


@torch.inference_mode()
def _image_keys(drafter: Drafter, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    pixels = torch.from_numpy(np.stack([s.pixels for s in samples])).to(drafter.device)
    present = torch.from_numpy(np.stack([s.present for s in samples])).to(drafter.device)
    features: ImageFeatures = drafter.network.encoder(pixels, present)
    return drafter.embed_images(features)


def random_reports(train: Sequence[Sample], samples: Sequence[Sample], seed: int) -> list[str]:
    """For each sample the report of some other patient of train."""
    generator = np.random.default_rng(seed)
    patients = np.array([s.patient for s in train])
    rows = (generator.choice(np.flatnonzero(patients != s.patient)) for s in samples)
    return [train[row].report for row in rows]
