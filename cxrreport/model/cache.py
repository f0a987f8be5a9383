"""Keys and values of running beams: nothing is copied when beams change places, only who descends from whom is kept."""

from __future__ import annotations

import torch
from torch import Tensor

_GROWTH = 64  # slots added when the room is full


class PastKeys:
    """Keys and values (B, h, S, d_h) of one layer, with room to grow in place; slots lie before heads in memory."""

    def __init__(self) -> None:
        self._room: tuple[Tensor, Tensor] | None = None

    def append(self, used: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write new ones (B, h, n, d_h) behind the `used` first slots; returns all, views of the room."""
        end = used + k.shape[2]
        if self._room is None or end > self._room[0].shape[2]:
            self._room = self._grow(k, used, end), self._grow(v, used, end, 1)
        keys, values = self._room
        keys[:, :, used:end], values[:, :, used:end] = k, v
        return keys[:, :, :end], values[:, :, :end]

    def _grow(self, like: Tensor, used: int, end: int, part: int = 0) -> Tensor:
        studies, heads, _, width = like.shape
        room = like.new_empty(studies, end + _GROWTH, heads, width).transpose(1, 2)
        if self._room is not None:
            room[:, :, :used] = self._room[part][:, :, :used]
        return room

    def keep(self, studies: Tensor) -> None:
        """Drop all but the given studies."""
        if self._room is not None:
            self._room = self._room[0].index_select(0, studies), self._room[1].index_select(0, studies)


class DecoderCache:
    """What a decoder remembers of B studies with `beams` rows each.

    memory : per layer (k, v) of the cross-attention, each (B, h, M, d_h); memory_mask (B, 1, 1, M) additive.
    past : per layer the self-attention's; the prefix has one slot a token, later tokens one slot a beam.
    descent : (B, beams, S) bool, which slots each beam descends from.
    """

    def __init__(self, memory: list[tuple[Tensor, Tensor]], memory_mask: Tensor) -> None:
        self.memory, self.memory_mask = memory, memory_mask
        self.past = [PastKeys() for _ in memory]
        self.beams, self.length = 1, 0
        self.descent = torch.ones(len(memory_mask), 1, 0, dtype=torch.bool, device=memory_mask.device)

    def widen(self, beams: int) -> None:
        """Give every study `beams` rows, all with the same past."""
        self.descent = self.descent.expand(-1, beams, -1)
        self.beams = beams

    def extend(self, tokens: int) -> Tensor | None:
        """Make slots for new tokens of every row; their mask (B, 1, rows, S) for attention, None where it is causal.

        Several tokens at once come only first, before there are beams.

        Raises
        ------
        ValueError : they come later.
        """
        self.length += tokens
        studies, _, used = self.descent.shape
        if used == 0:
            self.descent = self.descent.new_ones(studies, 1, tokens)
            return None
        if tokens > 1:
            raise ValueError("only the prefix may have several tokens")
        own = torch.eye(self.beams, dtype=torch.bool, device=self.descent.device)
        self.descent = torch.cat([self.descent, own.expand(studies, -1, -1)], dim=2)
        return self.descent[:, None]

    def reorder(self, rows: Tensor) -> None:
        """Continue row i from the past of row rows[i]; rows stay within their study."""
        shape = self.descent.shape
        self.descent = self.descent.flatten(0, 1).index_select(0, rows).view(shape)

    def keep(self, studies: Tensor) -> None:
        """Drop all but the given studies (indices into B)."""
        self.descent = self.descent.index_select(0, studies)
        for layer in self.past:
            layer.keep(studies)
        self.memory = [(k.index_select(0, studies), v.index_select(0, studies)) for k, v in self.memory]
        self.memory_mask = self.memory_mask.index_select(0, studies)
