"""Retrieval encoder (docs/model.md, Retrieval): image and text towers into one space, trained with symmetric InfoNCE."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from cxrreport.model.config import DiffRGenNetConfig


class RetrievalEncoder(nn.Module):
    """embed_image and embed_text give unit vectors (n, d_retrieval) whose inner product is the similarity."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        text = BertConfig(**config.text)
        self.text = BertModel(text, add_pooling_layer=False)
        self.text_projection = nn.Linear(text.hidden_size, config.d_retrieval)
        self.image_projection = nn.Linear(config.encoder_width, config.d_retrieval)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed_image(self, pooled: Tensor) -> Tensor:
        """(B, C) -> (B, d_retrieval)."""
        return F.normalize(self.image_projection(pooled), dim=-1)

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, T) token ids and mask -> (n, d_retrieval): mean over the tokens."""
        tokens = self.text(input_ids=ids, attention_mask=mask).last_hidden_state  # (n, T, H)
        weight = mask.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * weight).sum(1) / weight.sum(1).clamp(min=1)
        return F.normalize(self.text_projection(mean), dim=-1)
