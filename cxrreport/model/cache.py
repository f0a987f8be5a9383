"""Keys and values of running beams: nothing is copied when beams change places, only who descends from whom is kept."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_GROWTH = 64  # free slots of new room


class PastKeys:
    """Keys and values (B, h, S, d_h) of one layer, with room to grow in place.

    The slots of a head lie side by side in memory: where heads do, a CPU takes twice as long to attend to them.
    """

    def __init__(self) -> None:
        self._room: tuple[Tensor, Tensor] | None = None
        self._used = 0

    @property
    def free(self) -> int:
        """Slots that can still be appended."""
        return self._room[0].shape[2] - self._used if self._room else 0

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write new ones (B, h, n, d_h) behind those that are there; returns all, views of the room."""
        if self._room is None:
            self._room = _with_room(k, _GROWTH), _with_room(v, _GROWTH)
        end = self._used + k.shape[2]
        for room, new in zip(self._room, (k, v), strict=True):
            room[:, :, self._used : end] = new
        self._used = end
        return self._room[0][:, :, :end], self._room[1][:, :, :end]

    def take(self, slots: Tensor, free: int) -> None:
        """Keep of each study the given slots (B, n) alone, in new room with so many free ones."""
        if self._room is not None:
            keys, values = self._room
            index = slots[:, None, :, None].expand(-1, keys.shape[1], -1, keys.shape[3])
            self._room = _with_room(keys.gather(2, index), free), _with_room(values.gather(2, index), free)
            self._used = slots.shape[1]

    def keep(self, studies: Sequence[int]) -> None:
        """Drop all but the given studies."""
        if self._room is not None:
            self._room = _keep(self._room[0], studies), _keep(self._room[1], studies)


def _keep(rows: Tensor, studies: Sequence[int]) -> Tensor:
    """The given rows in their order, in the memory of all: what stands at its place already is not copied."""
    moved = [(to, at) for to, at in enumerate(studies) if to != at]
    if moved:
        to, at = zip(*moved, strict=True)
        rows[list(to)] = rows[list(at)]
    return rows[: len(studies)]


def _with_room(slots: Tensor, free: int) -> Tensor:
    return F.pad(slots.contiguous(), (0, 0, 0, free))


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
        studies = len(self.descent)
        if self.descent.shape[2] == 0:
            self.descent = self.descent.new_ones(studies, 1, tokens)
            return None
        if tokens > 1:
            raise ValueError("only the prefix may have several tokens")
        if self.past[0].free < self.beams:
            self._forget()
        own = torch.eye(self.beams, dtype=torch.bool, device=self.descent.device)
        self.descent = torch.cat([self.descent, own.expand(studies, -1, -1)], dim=2)
        return self.descent[:, None]

    def _forget(self) -> None:
        """Drop the slots from which no beam descends any more; where a study has more of them than others, some stay."""
        living = self.descent.any(1)  # (B, S)
        most = int(living.sum(1).max())
        slots = living.byte().argsort(dim=1, descending=True, stable=True)[:, :most]  # the living ones in their order
        self.descent = self.descent.gather(2, slots[:, None].expand(-1, self.beams, -1))
        for layer in self.past:
            layer.take(slots, max(_GROWTH, self.beams))

    def reorder(self, rows: Tensor) -> None:
        """Continue row i from the past of row rows[i]; rows stay within their study."""
        shape = self.descent.shape
        self.descent = self.descent.flatten(0, 1).index_select(0, rows).view(shape)

    def keep(self, studies: Sequence[int]) -> None:
        """Drop all but the given studies (indices into B), and put them into this order: the fewer move, the less is copied."""
        index = torch.tensor(studies, device=self.descent.device)
        self.descent, self.memory_mask = self.descent[index], self.memory_mask[index]
        for layer in self.past:
            layer.keep(studies)
        self.memory = [(_keep(k, studies), _keep(v, studies)) for k, v in self.memory]
