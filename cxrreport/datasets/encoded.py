"""Cached features of samples: the frozen encoder's patches of plain and augmented copies, with their retrieval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxrreport.datasets.augment import augment_each, draw_seeds
from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.together import mine, shared, whole, world

_CPU_BATCH, _GPU_BATCH = 4, 64  # on a CPU the activations of more studies are mapped and given back at every layer
_QUERIES = 512  # compared with the bank at once


@dataclass(frozen=True, slots=True)
class Encoded:
    """Cached features of n samples in `copies` variants (the first is the plain image), half precision, and retrieval.

    patches (copies, n, m, C), patch_mask (n, m), pooled (copies, n, C), text (n, d_r) embedding of the own report,
    retrieved (n, N) rows of the bank, bank (rows, d_r); indication as `Drafter.indications` gives it.
    """

    patches: Tensor
    patch_mask: Tensor
    pooled: Tensor
    text: Tensor
    retrieved: Tensor
    bank: Tensor
    indication: Tensor | None = None

    def indications(self, rows: Sequence[int]) -> Tensor | None:
        """Why the films of some samples were made."""
        return None if self.indication is None else self.indication[list(rows)]

    def features(self, rows: Sequence[int], copy: Tensor) -> ImageFeatures:
        """Features of some samples, `copy` (B,) choosing the variant of each."""
        index = torch.tensor(rows)
        return ImageFeatures(
            self.patches[copy, index].float(), self.patch_mask[index], self.pooled[copy, index].float()
        )


@torch.inference_mode()
def encode_samples(
    drafter: Drafter, samples: Sequence[Sample], bank: npt.NDArray[np.float32], bank_patients: Sequence[str] | None,
    copies: int, generator: torch.Generator,
) -> Encoded:  # fmt: skip
    """Encode samples and retrieve for each its N nearest bank reports.

    `bank_patients` names the patient of each bank row: reports of a sample's own patient are left out.
    None where no sample has a patient in the bank.
    """
    patches, mask, pooled = encode_copies(drafter, samples, copies, generator)
    patients = [s.patient for s in samples]
    retrieved = retrieve(drafter, pooled[0], bank, patients, bank_patients)
    text = torch.from_numpy(drafter.embed_texts([s.summary for s in samples]))
    indication = drafter.indications([s.indication for s in samples])
    return Encoded(patches, mask, pooled, text, retrieved, torch.from_numpy(bank), indication)


def retrieve(
    drafter: Drafter, pooled: Tensor, bank: npt.NDArray[np.float32], patients: Sequence[str],
    bank_patients: Sequence[str] | None,
) -> Tensor:  # fmt: skip
    """Rows (n, N) of the bank nearest to plain images of which the pooled vectors (n, C) are given; see `nearest_rows`."""
    nothing = torch.zeros(0)  # the retrieval space needs no patches
    plain = ImageFeatures(nothing, nothing, pooled.float()).to(drafter.device)
    return nearest_rows(drafter.embed_images(plain), bank, patients, bank_patients, drafter.retrieved)


def nearest_rows(
    queries: npt.NDArray[np.float32], bank: npt.NDArray[np.float32], patients: Sequence[str],
    bank_patients: Sequence[str] | None, count: int,
) -> Tensor:  # fmt: skip
    """Rows (n, N) of the bank nearest to each query, none of its own patient; as many for each as every one can get."""
    numbers = torch.from_numpy(np.unique([*patients, *(bank_patients or ())], return_inverse=True)[1])
    asked, held = numbers[: len(patients)], numbers[len(patients) :]
    if bank_patients is None:
        held = torch.full((len(bank),), -1)
    own = torch.bincount(held.clamp(min=0), (held >= 0).double(), minlength=len(numbers))[asked]
    count = min(count, len(bank) - int(own.max()))
    found = []
    for rows in torch.arange(len(patients)).split(_QUERIES):
        similarity = torch.from_numpy(queries[rows] @ bank.T)
        foreign = asked[rows, None] != held
        nearest = similarity.masked_fill(~foreign, -2).topk(count, dim=1).indices
        if not foreign.gather(1, nearest).all():
            raise AssertionError("a sample has retrieved a report of its own patient")
        found.append(nearest)
    return torch.cat(found)


def encode_batch(drafter: Drafter) -> int:
    """How many studies to encode at once."""
    return _CPU_BATCH if drafter.device.type == "cpu" else _GPU_BATCH


def encode_copies(
    drafter: Drafter, samples: Sequence[Sample | LabelledImage], copies: int, generator: torch.Generator,
    patches: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Patches (copies, n, m, C), patch mask (n, m) and pooled (copies, n, C), the first of the plain images, then augmented.

    patches : keep the first so many of the m. Processes that train together share the work.
    """
    kept: list[Tensor] = []
    for copy in range(copies):
        seeds = draw_seeds(len(samples), generator) if copy else None
        for rows, found in _encode_all(drafter, samples, seeds, patches):
            if not kept:  # whole from the start: parts brought together at the end would be there twice
                kept = [one.new_empty((copies, len(samples), *one.shape[1:])) for one in found]
            for store, one in zip(kept, found, strict=True):
                store[copy, rows] = one
    features, mask, pooled = kept
    return features, mask[0], pooled


def _encode_all(
    drafter: Drafter, samples: Sequence[Sample | LabelledImage], seeds: Tensor | None, patches: int | None
) -> Iterator[tuple[Tensor, Sequence[Tensor]]]:
    """A few rows after the others, and their features."""
    for rows in torch.arange(len(samples)).split(encode_batch(drafter) * world()):
        own = rows[mine(len(rows))] if len(rows) >= world() else rows
        found = _encode_some(drafter, [samples[i] for i in own], None if seeds is None else seeds[own], patches)
        with shared() if len(own) < len(rows) else nullcontext():
            yield rows, [whole(one) for one in found]


def _encode_some(
    drafter: Drafter, samples: Sequence[Sample | LabelledImage], seeds: Tensor | None, patches: int | None
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Features of a few samples, plain or each varied by its seed (n,)."""
    pixels, present = (
        torch.from_numpy(np.stack([getattr(s, part) for s in samples])) for part in ("pixels", "present")
    )
    if seeds is not None:
        pixels = augment_each(pixels, drafter.network.config.image_size, seeds)
    f = drafter.network.encoder(pixels.to(drafter.device), present.to(drafter.device))
    return f.patches[:, :patches].half().cpu(), f.patch_mask[:, :patches].cpu(), f.pooled.half().cpu()
