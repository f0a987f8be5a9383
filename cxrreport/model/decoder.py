"""BERT as a causal report decoder over the network's memory (docs/model.md, Decoder).

Training goes through Hugging Face's `BertLMHeadModel`; drafting steps through the same weights with a cache of our own,
in which all beams of a study share one set of cross-attention keys and values (HF repeats them for every beam).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertLMHeadModel

from cxrreport.model.attention import split_heads
from cxrreport.model.cache import DecoderCache
from cxrreport.model.config import DiffRGenNetConfig


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

    def forward(
        self, ids: Tensor, mask: Tensor, memory: Tensor, memory_mask: Tensor, context: Tensor | None = None
    ) -> Tensor:  # fmt: skip
        """ids, mask (B, T), memory (B, M, d_dec), memory_mask (B, M) -> logits (B, T, V).

        context (B, P, d_dec) is added to the embeddings of the first P tokens.
        """
        logits: Tensor = self.lm(
            inputs_embeds=self._embed(ids, context),
            attention_mask=mask.long(),
            encoder_hidden_states=memory,
            encoder_attention_mask=memory_mask.long(),
            use_cache=False,
        ).logits
        return logits

    def _embed(self, ids: Tensor, context: Tensor | None) -> Tensor:
        words: Tensor = self.lm.bert.embeddings.word_embeddings(ids)
        return words if context is None else words + F.pad(context, (0, 0, 0, ids.shape[1] - context.shape[1]))

    @property
    def _layers(self) -> list[Any]:
        return list(self.lm.bert.encoder.layer)

    def start(self, memory: Tensor, memory_mask: Tensor) -> DecoderCache:
        """Project the memory once for every layer. memory (B, M, d_dec), memory_mask (B, M) bool."""
        cross = [layer.crossattention.self for layer in self._layers]
        projected = [(self._by_head(c.key(memory)), self._by_head(c.value(memory))) for c in cross]
        blocked = torch.zeros_like(memory_mask, dtype=memory.dtype).masked_fill(~memory_mask, -1e9)
        return DecoderCache(projected, blocked[:, None, None, :])

    def _by_head(self, x: Tensor) -> Tensor:
        """(B, M, d) -> (B, h, M, d_h), a head's side by side in memory: a CPU then takes half the time to attend to them."""
        return split_heads(x, self.heads).contiguous()

    def step(self, ids: Tensor, cache: DecoderCache, context: Tensor | None = None) -> Tensor:
        """Feed ids (B * beams, L), L = 1 but for the prefix, after the cached past; return logits of the last position.

        The logits are (B * beams, V). context: as in `forward`, with the prefix alone.
        """
        position = torch.arange(cache.length, cache.length + ids.shape[1], device=ids.device)
        x = self.lm.bert.embeddings(inputs_embeds=self._embed(ids, context), position_ids=position.expand_as(ids))
        mask = cache.extend(ids.shape[1])
        for index, layer in enumerate(self._layers):
            x = self._attend_past(layer, x, cache, index, mask)
            x = self._attend_memory(layer, x, cache, index)
            x = layer.output(layer.intermediate(x), x)
        logits: Tensor = self.lm.cls(x[:, -1])
        return logits

    def _attend_past(self, layer: Any, x: Tensor, cache: DecoderCache, index: int, mask: Tensor | None) -> Tensor:
        """Self-attention; the beams of a study stand side by side and see the slots that they descend from."""
        own = layer.attention.self
        rows, length, width = x.shape
        beside = x.view(-1, cache.beams * length, width)  # (B, beams, width), or the prefix (B, L, width)
        q, k, v = (split_heads(project(beside), self.heads) for project in (own.query, own.key, own.value))
        k, v = cache.past[index].append(k, v)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        out: Tensor = layer.attention.output(attended.transpose(1, 2).reshape(rows, length, width), x)
        return out

    def _attend_memory(self, layer: Any, x: Tensor, cache: DecoderCache, index: int) -> Tensor:
        """Cross-attention without causality: the beams of a study stand side by side as queries of one row."""
        cross = layer.crossattention
        rows, length, width = x.shape
        q = split_heads(cross.self.query(x).view(rows // cache.beams, cache.beams * length, width), self.heads)
        k, v = cache.memory[index]
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=cache.memory_mask)
        attended = attended.transpose(1, 2).reshape(rows, length, width)
        out: Tensor = cross.output(attended, x)
        return out
