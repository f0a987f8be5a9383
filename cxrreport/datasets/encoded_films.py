"""Cached features of labelled images, which have no report, and the reports of studies that they retrieve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from cxrreport.datasets.encoded import encode_copies, retrieve
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

    def features(self, rows: Sequence[int], copy: Tensor) -> ImageFeatures:
        """Features of the images of rows (B,), `copy` (B,) choosing the variant of each; the lateral view is missing."""
        index = torch.tensor(rows)
        frontal = self.patches[copy, index].float()
        mask = (torch.arange(VIEWS * PATCHES) < PATCHES).expand(len(rows), -1)
        return ImageFeatures(
            F.pad(frontal, (0, 0, 0, (VIEWS - 1) * PATCHES)), mask, self.pooled[copy, index].float()
        )  # fmt: skip


@torch.inference_mode()
def encode_films(
    drafter: Drafter, films: Sequence[LabelledImage], bank: npt.NDArray[np.float32], copies: int,
    generator: torch.Generator,
) -> EncodedFilms:  # fmt: skip
    """Encode images and retrieve for each its N nearest reports of a bank that holds none of their patients."""
    patches, _, pooled = encode_copies(drafter, films, copies, generator, PATCHES)
    patients = [film.patient for film in films]
    retrieved = retrieve(drafter, pooled[0], bank, patients, None)
    positive, known = (torch.from_numpy(np.stack([getattr(f, name) for f in films])) for name in ("positive", "known"))
    return EncodedFilms(patches, pooled, retrieved, torch.from_numpy(bank), positive, known)
