"""Cached features of labelled images, which have no report, and the reports of studies that they retrieve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from cxrreport.datasets.encoded import encode_copy, nearest_rows
from cxrreport.datasets.nih import LabelledImage
from cxrreport.model.config import PATCHES, VIEWS
from cxrreport.model.drafter import Drafter
from cxrreport.model.encoder import ImageFeatures


@dataclass(frozen=True, slots=True)
class EncodedFilms:
    """Features of n frontal images in `copies` variants (the first is the plain image), half precision, and what is known.

    patches (copies, n, g*g, C), pooled (copies, n, C), retrieved (n, N) rows of bank (rows, d_r); positive and known
    (n, 14) bool as in `LabelledImage`.
    """

    patches: Tensor
    pooled: Tensor
    retrieved: Tensor
    bank: Tensor
    positive: Tensor
    known: Tensor

    def __len__(self) -> int:
        return len(self.positive)

    def features(self, rows: Tensor, copy: Tensor) -> ImageFeatures:
        """Features of the images of rows (B,), `copy` (B,) choosing the variant of each; the lateral view is missing."""
        frontal = self.patches[copy, rows].float()
        mask = (torch.arange(VIEWS * PATCHES) < PATCHES).expand(len(rows), -1)
        return ImageFeatures(
            F.pad(frontal, (0, 0, 0, (VIEWS - 1) * PATCHES)), mask, self.pooled[copy, rows].float()
        )  # fmt: skip


@torch.inference_mode()
def encode_films(
    drafter: Drafter, films: Sequence[LabelledImage], bank: npt.NDArray[np.float32], copies: int,
    generator: torch.Generator,
) -> EncodedFilms:  # fmt: skip
    """Encode images and retrieve for each its N nearest reports of a bank that holds none of their patients."""
    variants = [encode_copy(drafter, films, None if copy == 0 else generator, PATCHES) for copy in range(copies)]
    patches, masks, pooled = zip(*variants, strict=True)
    plain = ImageFeatures(patches[0][:0], masks[0][:0], pooled[0].float()).to(drafter.device)
    patients = [film.patient for film in films]
    retrieved = nearest_rows(drafter.embed_images(plain), bank, patients, None, drafter.retrieved)
    positive, known = (torch.from_numpy(np.stack([getattr(f, name) for f in films])) for name in ("positive", "known"))
    return EncodedFilms(
        torch.stack(patches), torch.stack(pooled), retrieved, torch.from_numpy(bank), positive, known
    )  # fmt: skip
