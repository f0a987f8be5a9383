"""BERT as a causal report decoder over the network's memory (model.md §1.9).

Training goes through Hugging Face's `BertLMHeadModel`; drafting steps through the same weights with a cache of our own,
in which all beams of a study share one set of cross-attention keys and values (HF repeats them for every beam).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertLMHeadModel

from cxrreport.model.config import DiffRGenNetConfig


@dataclass(slots=True)
class DecoderCache:
    """Keys and values of B studies with `beams` rows each.

    memory : per layer (k, v), each (B, h, M, d_h); memory_mask (B, 1, 1, M) additive.
    past : per layer (k, v), each (B * beams, h, T, d_h).
    """

    memory: list[tuple[Tensor, Tensor]]
    memory_mask: Tensor
    past: list[tuple[Tensor, Tensor]]
    beams: int = 1

    @property
    def length(self) -> int:
        """Number of tokens decoded so far."""
        return self.past[0][0].shape[2] if self.past else 0

    def widen(self, beams: int) -> None:
        """Give every study `beams` rows, all with the same past."""
        self.past = [(k.repeat_interleave(beams, 0), v.repeat_interleave(beams, 0)) for k, v in self.past]
        self.beams = beams

    def reorder(self, rows: Tensor) -> None:
        """Continue row i from the past of row rows[i]; rows stay within their study."""
        self.past = [(k.index_select(0, rows), v.index_select(0, rows)) for k, v in self.past]

    def keep(self, studies: Tensor) -> None:
        """Drop all but the given studies (indices into B)."""
        offsets = torch.arange(self.beams, device=studies.device)
        self.reorder((studies[:, None] * self.beams + offsets).flatten())
        self.memory = [(k.index_select(0, studies), v.index_select(0, studies)) for k, v in self.memory]
        self.memory_mask = self.memory_mask.index_select(0, studies)


class ReportDecoder(nn.Module):
    """Token logits given the memory: `forward` for training, `start` and `step` for drafting."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        bert = BertConfig(**config.decoder, is_decoder=True, add_cross_attention=True, tie_word_embeddings=True)
        self.lm = BertLMHeadModel(bert)
        self.heads = bert.num_attention_heads
        self.tie()

    def tie(self) -> None:
        """Share the word embeddings with the output layer."""
        predictions = self.lm.cls.predictions
        predictions.decoder.weight = self.lm.bert.embeddings.word_embeddings.weight
        predictions.decoder.bias = predictions.bias

    def forward(self, ids: Tensor, mask: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """ids, mask (B, T), memory (B, M, d_dec), memory_mask (B, M) -> logits (B, T, V)."""
        logits: Tensor = self.lm(
            input_ids=ids,
            attention_mask=mask.long(),
            encoder_hidden_states=memory,
            encoder_attention_mask=memory_mask.long(),
            use_cache=False,
        ).logits
        return logits

    @torch.no_grad()
    def attend(self, ids: Tensor, memory: Tensor, memory_mask: Tensor) -> Tensor:
        """Where each token looks (model.md §1.12): cross-attention (B, T, M), mean over heads and layers.

        ids (B, T) whole sequences, prefix included. The mean over the tokens of a sentence shows what it rests on.
        """
        cache = self.start(memory, memory_mask)
        x = self.lm.bert.embeddings(input_ids=ids)
        maps = []
        for index, layer in enumerate(self._layers):
            x, _ = self._attend_self(layer, x, None)
            q, k = self._heads(layer.crossattention.self.query(x)), cache.memory[index][0]
            scores = (q @ k.transpose(-1, -2)).float() / q.shape[-1] ** 0.5 + cache.memory_mask  # (B, h, T, M)
            maps.append(scores.softmax(-1).mean(1))
            x = self._attend_memory(layer, x, cache, index)
            x = layer.output(layer.intermediate(x), x)
        return torch.stack(maps).mean(0)

    @property
    def _layers(self) -> list[Any]:
        return list(self.lm.bert.encoder.layer)

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (rows, h, T, d_h)

    def start(self, memory: Tensor, memory_mask: Tensor) -> DecoderCache:
        """Project the memory once for every layer. memory (B, M, d_dec), memory_mask (B, M) bool."""
        keys = [layer.crossattention.self for layer in self._layers]
        projected = [(self._heads(c.key(memory)), self._heads(c.value(memory))) for c in keys]
        blocked = torch.zeros_like(memory_mask, dtype=memory.dtype).masked_fill(~memory_mask, -1e9)
        return DecoderCache(projected, blocked[:, None, None, :], past=[])

    def step(self, ids: Tensor, cache: DecoderCache) -> Tensor:
        """Feed ids (B * beams, L) after the cached past; return logits of the last position (B * beams, V)."""
        position = torch.arange(cache.length, cache.length + ids.shape[1], device=ids.device)
        x = self.lm.bert.embeddings(input_ids=ids, position_ids=position.expand_as(ids))
        fresh = []
        for index, layer in enumerate(self._layers):
            past = cache.past[index] if cache.past else None
            x, kept = self._attend_self(layer, x, past)
            x = self._attend_memory(layer, x, cache, index)
            x = layer.output(layer.intermediate(x), x)
            fresh.append(kept)
        cache.past = fresh
        logits: Tensor = self.lm.cls(x[:, -1])
        return logits

    def _attend_self(
        self, layer: Any, x: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        own = layer.attention.self
        q, k, v = self._heads(own.query(x)), self._heads(own.key(x)), self._heads(own.value(x))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        # a chunk of several tokens comes only first (the prefix), so plain causal masking is right
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)
        return layer.attention.output(attended.transpose(1, 2).flatten(2), x), (k, v)

    def _attend_memory(self, layer: Any, x: Tensor, cache: DecoderCache, index: int) -> Tensor:
        """Cross-attention without causality: the beams of a study stand side by side as queries of one row."""
        cross = layer.crossattention
        rows, length, width = x.shape
        q = self._heads(cross.self.query(x).view(rows // cache.beams, cache.beams * length, width))
        k, v = cache.memory[index]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=cache.memory_mask)
        attended = attended.transpose(1, 2).reshape(rows, length, width)
        out: Tensor = cross.output(attended, x)
        return out
