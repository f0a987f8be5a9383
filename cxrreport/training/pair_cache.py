"""Pairs as the stage of pairs learns from them: registered, encoded, each image judged alone; kept for a resumed run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from cxrreport.datasets.encoded import encode_batch, nearest_rows
from cxrreport.datasets.pairs.alignment import Pixels, align, leave_apart
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.engine.local import LocalEngine
from cxrreport.errors import InputError, UsageError
from cxrreport.files import atomic
from cxrreport.findings import FINDINGS
from cxrreport.model.comparer import to_logits
from cxrreport.model.config import GRID, PATCHES, REPORT_TOKENS
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.progression import FOLLOWED
from cxrreport.records import PreparedStudy

UNKNOWN = -1
PLACES = ("phantom", "inserted", "identical", "nih", "covid", "hannover")
_DRAWN = ("phantom", "inserted", "identical")  # where something changed is known of these alone
_WORKER_S, _WORKER_MB = 60, 2048


@dataclass(frozen=True, slots=True)
class EncodedPairs:
    """n pairs; m patches of the frontal image, g cells a side.

    current, prior (n, m, C) half precision; films (n, 2, 256, 256) uint8, current and registered prior, registered (n,)
    bool; now, before (n, 13) logits of "positive" of each image alone; joint (n, 13) index into `PRESENCE` and direction
    (n, 13) into `DIRECTIONS`, -1 unknown; maps (n, 13, 2g, 2g) int8: 1 where the finding changed, -1 where nobody knows;
    place (n,) index into `PLACES`; report, prior_report (n, T) int16 ids of what was said of either image, 0-padded, all 0
    where nobody said anything; days (n,) between the images, -1 unknown; retrieved (n, N) rows of the bank.
    """

    current: Tensor
    prior: Tensor
    films: Tensor
    registered: Tensor
    now: Tensor
    before: Tensor
    joint: Tensor
    direction: Tensor
    maps: Tensor
    place: Tensor
    report: Tensor
    prior_report: Tensor
    days: Tensor
    retrieved: Tensor

    def __len__(self) -> int:
        return len(self.joint)

    def take(self, rows: Sequence[int] | Tensor) -> EncodedPairs:
        """The given pairs."""
        index = torch.as_tensor(rows)
        return EncodedPairs(*(getattr(self, f.name)[index] for f in fields(self)))


def join_pairs(parts: Sequence[EncodedPairs]) -> EncodedPairs:
    """Several caches as one."""
    return EncodedPairs(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(EncodedPairs)))


@dataclass(frozen=True, slots=True)
class Bank:
    """Reports to retrieve from while images are judged: vectors (rows, d), and the patient of each row."""

    vectors: npt.NDArray[np.float32]
    patients: Sequence[str]

    def shown(self, most: int) -> int:
        """How many reports to retrieve, at most `most`: as many as there are for the patient who has the most of them."""
        return min(most, len(self.patients) - max(Counter(self.patients).values(), default=0))

    def nearest(self, drafter: Drafter, features: ImageFeatures, patients: Sequence[str]) -> Tensor:
        """Rows (n, N) nearest to each study, none of its own patient."""
        queries, most = drafter.embed_images(features), self.shown(drafter.retrieved)
        return nearest_rows(queries, self.vectors, patients, self.patients, most)

    def digest(self) -> str:
        """What tells this bank from others."""
        digest = hashlib.sha256(json.dumps(list(self.patients)).encode())
        digest.update(np.round(self.vectors, 3).tobytes())
        return digest.hexdigest()


def encode_pairs(
    drafter: Drafter, pairs: Iterable[PairSample], bank: Bank, workers: int = 0,
    aligned: Callable[[PairSample], tuple[Pixels, bool]] = align,
) -> EncodedPairs:  # fmt: skip
    """Register in child processes, encode and judge pairs: 0.4 MB a pair (mini), twice that for a moment at the end."""
    parts = []
    with LocalEngine(workers, _WORKER_S, _WORKER_MB) as engine:
        found_pairs = engine.map(aligned, pairs)
        while chunk := list(islice(found_pairs, encode_batch(drafter))):
            priors = [leave_apart(p) if isinstance(found, InputError) else found for p, found in chunk]
            parts.append(_encode(drafter, [p for p, _ in chunk], priors, bank))
    if not parts:
        raise UsageError("There are no pairs to learn from.")
    return join_pairs(parts)


@torch.inference_mode()
def _encode(
    drafter: Drafter, pairs: Sequence[PairSample], priors: Sequence[tuple[Pixels, bool]], bank: Bank
) -> EncodedPairs:  # fmt: skip
    studies = [PreparedStudy(p.current) for p in pairs] + [PreparedStudy(pixels) for pixels, _ in priors]
    features = drafter.encode(studies)
    patients = [p.patient for p in pairs] * 2
    rows = bank.nearest(drafter, features, patients)
    reports = bank.vectors[rows.numpy()]
    states = drafter.read_states(features, reports, np.ones(reports.shape[:2], bool))
    logits = to_logits(torch.tensor([s.probabilities for s in states])[:, : len(FOLLOWED)])
    frontal = features.patches[:, :PATCHES].half().cpu()
    films = [torch.from_numpy(np.stack([p.current, pixels])) for p, (pixels, _) in zip(pairs, priors, strict=True)]
    joint, direction = zip(*(_truth(p) for p in pairs), strict=True)
    n, side = len(pairs), 2 * GRID
    return EncodedPairs(
        frontal[:n], frontal[n:], torch.stack(films), torch.tensor([ok for _, ok in priors]), logits[:n], logits[n:],
        torch.stack(joint), torch.stack(direction), torch.stack([_maps(p, side) for p in pairs]),
        torch.tensor([PLACES.index(p.place) for p in pairs]), _ids(drafter, [p.report for p in pairs]),
        _ids(drafter, [p.prior_report for p in pairs]),
        torch.tensor([UNKNOWN if p.days is None else p.days for p in pairs]), rows[:n],
    )  # fmt: skip


def _ids(drafter: Drafter, texts: Sequence[str]) -> Tensor:
    """Ids (n, T) int16 of reports without prefix and end; T is the longest report that the network writes."""
    rows = torch.zeros(len(texts), REPORT_TOKENS, dtype=torch.int16)
    for row, text in zip(rows, texts, strict=True):
        ids = drafter.tokenizer.encode(text, REPORT_TOKENS)
        row[: len(ids)] = torch.tensor(ids, dtype=torch.int16)
    return rows


def _truth(pair: PairSample) -> tuple[Tensor, Tensor]:
    now, before = (torch.from_numpy(x[: len(FOLLOWED)]) for x in (pair.now, pair.before))
    joint = now.long() + 2 * before.long()  # absent, new, resolved, in both
    joint[~torch.from_numpy(pair.known[: len(FOLLOWED)])] = UNKNOWN
    return joint, torch.from_numpy(pair.progression[: len(FOLLOWED)]).where(joint == 3, torch.tensor(UNKNOWN))


def _maps(pair: PairSample, side: int) -> Tensor:
    """(13, side, side) int8: a cell changed that one of the finding's boxes covers the middle of, at least one a box."""
    maps = torch.zeros(len(FOLLOWED), side, side, dtype=torch.int8)
    for index, x, y, w, h in pair.boxes:
        maps[index, _cells(y, h, side), _cells(x, w, side)] = 1
    known = pair.known[: len(FOLLOWED)] if pair.place in _DRAWN else np.zeros(len(FOLLOWED), np.bool_)
    maps[~torch.from_numpy(known)] = UNKNOWN
    assert len(FINDINGS) == len(FOLLOWED) + 1
    return maps


def _cells(start: float, length: float, side: int) -> slice:
    middle = min(side - 1, max(0, int((start + length / 2) * side)))
    first, last = round(start * side), round((start + length) * side)
    return slice(max(0, min(first, middle)), max(last, middle + 1))


def kept_pairs(path: Path, make: Callable[[], EncodedPairs], made_with: Mapping[str, str]) -> EncodedPairs:
    """The cache of this run, made where there is none yet, or it was made with other weights or another registration.

    Raises
    ------
    UsageError : it is damaged.
    """
    try:
        if not path.exists() or _made_with(path) != made_with:
            made = make()
            with atomic(path) as file:
                save_file({f.name: getattr(made, f.name).contiguous() for f in fields(made)}, file, dict(made_with))
        return EncodedPairs(**load_file(path))
    except (SafetensorError, TypeError):
        raise UsageError(f"The {path.name} of the run directory is damaged: remove it.") from None


def _made_with(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})
