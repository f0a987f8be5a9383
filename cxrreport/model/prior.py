"""How the decoder reads a prior (docs/model.md, How the decoder reads a prior).

memory = [..., G, prior patches, prior report]
prefix = [DEC] + what there is of the prior + days between, s_1 + change 1 + side 1, ..., s_13 + ..., s_14

Only a study with a prior comes here; without one, memory, prefix and weights are those of `diffrgennet.py`, bit for bit.
The linear layers of the decoder get a difference of low rank (LoRA, Hu et al., 2022).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cxrreport.findings import CHANGED, Change
from cxrreport.model.config import DiffRGenNetConfig
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.progression import CHANGES

_RANK = 8
_STD = 0.02  # as BERT's embeddings begin
_LONGEST_DAYS = (0, 6, 29, 179)  # same day, days, weeks, months; then years, and unknown
_INTERVALS = len(_LONGEST_DAYS) + 2
UNKNOWN_CHANGE = len(CHANGES)  # index of a change that is not known
_CHANGED = [index for index, change in enumerate(CHANGES) if change in CHANGED]
_ONE_SIDED = 0.8  # of a map that lies on one side


class Prior(NamedTuple):
    """What the decoder reads of B priors; m = grid**2 patches.

    tokens (B, 2 m, d): G, then the prior's patches where the current image has them (`temporal.Difference`). report (B, T):
    ids of the prior's report, 0-padded, a row of 0 where there is none. changes (B, 13): index into `CHANGES`, or
    `UNKNOWN_CHANGE`. sides (B, 13): where each finding changed, as `sides_of` has it. days (B,) since the
    prior, -1 unknown.
    """

    tokens: Tensor
    report: Tensor
    changes: Tensor
    sides: Tensor
    days: Tensor

    def take(self, rows: Sequence[int]) -> Prior:
        """Some of them."""
        index = torch.tensor(list(rows), device=self.days.device)
        return Prior(*(part[index] for part in self))


def make_prior(
    tokens: Sequence[Tensor], reports: Sequence[Sequence[int]], changes: Sequence[Sequence[Change | None]],
    maps: Sequence[npt.NDArray[np.float32]], days: Sequence[int | None],
) -> Prior:  # fmt: skip
    """Put B priors together. reports: ids without prefix and end, [] where nobody has reported on the prior. maps
    (13, h, w): above 0 where a finding changed.
    """
    longest = max(1, *(len(ids) for ids in reports))
    rows = [[*ids, *[0] * (longest - len(ids))] for ids in reports]
    index = [[UNKNOWN_CHANGE if change is None else CHANGES.index(change) for change in row] for row in changes]
    decided = torch.tensor(index)
    sides = sides_of(torch.from_numpy(np.stack(maps)), decided)
    stacked, known = torch.stack(list(tokens)), torch.tensor([-1 if d is None else d for d in days])
    return Prior(stacked, *(x.to(stacked.device) for x in (torch.tensor(rows), decided, sides, known)))


def sides_of(maps: Tensor, changes: Tensor) -> Tensor:
    """Maps (B, 13, h, w), above 0 where a finding changed, and changes (B, 13) -> sides (B, 13).

    0 nowhere or no change, 1 the left half of the image, 2 the right half, 3 both.
    """
    columns = maps.clamp(min=0).float().sum(2)  # (B, 13, w)
    half = columns.shape[-1] // 2
    left, right = columns[..., :half].sum(-1), columns[..., half:].sum(-1)
    share = right / (left + right).clamp(min=1e-6)
    found = torch.where(share > _ONE_SIDED, 2, torch.where(share < 1 - _ONE_SIDED, 1, 3))
    changed = torch.isin(changes, torch.tensor(_CHANGED, device=changes.device)) & (left + right > 0)
    return found * changed


class LowRank(nn.Module):
    """A matrix (rows, columns) of low rank; 0 at first."""

    def __init__(self, rows: int, columns: int, rank: int) -> None:
        super().__init__()
        self.narrow = nn.Parameter(torch.randn(rank, columns) * columns**-0.5)
        self.wide = nn.Parameter(torch.zeros(rows, rank))

    def forward(self) -> Tensor:
        """The whole matrix."""
        product: Tensor = self.wide @ self.narrow
        return product


class PriorReader(nn.Module):
    """Memory tokens of the prior, and what is added to the weights of a decoder that reads them."""

    def __init__(self, config: DiffRGenNetConfig, decoder: ReportDecoder) -> None:
        super().__init__()
        d, d_dec = config.d_model, config.decoder_width
        self.difference = nn.Sequential(nn.Linear(d, d_dec), nn.LayerNorm(d_dec))
        self.patches = nn.Sequential(nn.Linear(d, d_dec), nn.LayerNorm(d_dec))
        self.types = nn.Parameter(torch.zeros(3, d_dec))  # G, prior patches, prior report
        self.changes = nn.Embedding(len(CHANGES) + 1, d_dec)
        self.sides = nn.Embedding(4, d_dec)
        self.sources = nn.Embedding(2, d_dec)  # image alone, image and report
        self.intervals = nn.Embedding(_INTERVALS, d_dec)
        for table in (self.changes, self.sides, self.sources, self.intervals):
            nn.init.normal_(table.weight, std=_STD)
        shapes = [layer.weight.shape for _, layer in _linear(decoder)]
        self.deltas = nn.ModuleList(LowRank(rows, columns, min(_RANK, rows, columns)) for rows, columns in shapes)

    def remember(self, decoder: ReportDecoder, prior: Prior) -> tuple[Tensor, Tensor]:
        """Memory (B, M', d_dec) beside that of `DiffRGenNet.remember`, and its mask (B, M') bool."""
        difference, patches = prior.tokens.chunk(2, dim=1)
        report = decoder.lm.bert.embeddings(input_ids=prior.report) + self.types[2]  # (B, T, d_dec)
        seen = torch.cat([self.difference(difference) + self.types[0], self.patches(patches) + self.types[1]], dim=1)
        there = torch.ones_like(seen[..., 0], dtype=torch.bool)
        return torch.cat([seen, report], dim=1), torch.cat([there, prior.report != 0], dim=1)

    def context(self, prior: Prior) -> Tensor:
        """What is added to the embeddings of [DEC] and s_1 .. s_13: (B, 14, d_dec)."""
        first = self.sources(prior.report.any(1).long()) + self.intervals(intervals(prior.days))
        return torch.cat([first[:, None], self.changes(prior.changes) + self.sides(prior.sides)], dim=1)

    def weights(self, decoder: ReportDecoder) -> dict[str, Tensor]:
        """Weights of a decoder that reads priors, by name: those of the linear layers, moved."""
        layers = zip(_linear(decoder), self.deltas, strict=True)
        return {f"{name}.weight": layer.weight.detach() + delta() for (name, layer), delta in layers}

    @torch.no_grad()
    def adapt(self, decoder: ReportDecoder) -> ReportDecoder:
        """A decoder with these weights, which shares nothing with the one that was given but its embeddings."""
        adapted = copy.deepcopy(decoder, {id(decoder.lm.bert.embeddings): decoder.lm.bert.embeddings})
        adapted.load_state_dict(self.weights(decoder), strict=False)
        adapted.tie()
        return adapted.eval()


def intervals(days: Tensor) -> Tensor:
    """Index of how long ago the prior was: same day, below a week, a month, half a year, longer, unknown."""
    found = torch.bucketize(days, torch.tensor(_LONGEST_DAYS, device=days.device))
    return found.where(days >= 0, torch.full_like(found, _INTERVALS - 1))


def _linear(decoder: ReportDecoder) -> Iterator[tuple[str, nn.Linear]]:
    """The linear layers of the transformer blocks; the embeddings and the output layer stay as they are."""
    blocks = "lm.bert.encoder."
    return ((name, m) for name, m in decoder.named_modules() if name.startswith(blocks) and isinstance(m, nn.Linear))
