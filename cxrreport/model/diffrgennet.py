"""DiffRGenNet (MIDL 2025), the whole network in reading order; model.md §1 resolves what the paper leaves open.

films -> encoder -> patches, pooled v                                       §1.2
retrieved reports E, v -> e, f -> Feature Difference                        §1.4, §1.5
FAM_sim(E, patches), FAM_dif(difference, patches) -> s, u                   §1.6, §1.7
[v, s] -> 14 findings x 4 states                                            §1.8
memory = [patches, gate * similar, gate * different] -> decoder -> report   §1.9
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from cxrreport.model.config import POSITIVE, PREFIX_LENGTH, DiffRGenNetConfig
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.difference import FeatureDifference
from cxrreport.model.encoder import ImageEncoder, ImageFeatures
from cxrreport.model.heads import ClassificationHead, ContrastiveHeads, select
from cxrreport.model.losses import adjusted_cross_entropy, contrastive_loss, language_loss
from cxrreport.model.retrieval_encoder import RetrievalEncoder
from cxrreport.model.routing import FAM, Alignment


@dataclass(frozen=True, slots=True)
class Relations:
    """How the retrieved reports relate to the films.

    similar, different : the two FAM outputs; weights (B, N) is each report's share in the selection;
    selected s (B, d) feeds the classifier, contrast u (B, d) is the SCL negative.
    """

    similar: Alignment
    different: Alignment
    weights: Tensor
    selected: Tensor
    contrast: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars of one batch; `total` is L_LM + 4 L_SDL + 0.1 L_SCL by default."""

    total: Tensor
    language: Tensor
    states: Tensor
    contrast: Tensor


class DiffRGenNet(PreTrainedModel):  # type: ignore[misc]
    """The network. Nothing in here opens a file."""

    config_class = DiffRGenNetConfig
    base_model_prefix = "diffrgennet"
    label_prior: Tensor
    _tied_weights_keys = {  # noqa: RUF012 (the base class declares it so)
        "decoder.lm.cls.predictions.decoder.weight": "decoder.lm.bert.embeddings.word_embeddings.weight",
        "decoder.lm.cls.predictions.decoder.bias": "decoder.lm.cls.predictions.bias",
    }

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__(config)
        d, d_dec, width = config.d_model, config.decoder_width, config.encoder_width
        self.encoder = ImageEncoder(config)
        self.retrieval = RetrievalEncoder(config)
        self.patch_projection = nn.Sequential(nn.Linear(width, d), nn.LayerNorm(d))  # P_d
        self.image_projection = nn.Linear(width, d)  # f
        self.report_projection = nn.Linear(config.d_retrieval, d)  # W_e
        self.difference = FeatureDifference(config)
        self.similar_input = nn.Sequential(nn.Linear(config.d_retrieval, d), nn.LayerNorm(d))  # W_s
        self.similar, self.different = FAM(config), FAM(config)
        self.classifier = ClassificationHead(config)
        self.contrastive = ContrastiveHeads(config)
        self.memory_patches = nn.Linear(width, d_dec)  # P_dec
        self.memory_similar, self.memory_different = nn.Linear(d, d_dec), nn.Linear(d, d_dec)
        self.memory_types = nn.Parameter(torch.zeros(3, d_dec))
        self.memory_norms = nn.ModuleList(nn.LayerNorm(d_dec) for _ in range(3))
        self.gates = nn.Parameter(torch.full((2,), 0.1))  # 0 is the network without FAM (A16), see `remember`
        self.decoder = ReportDecoder(config)
        self.register_buffer("label_prior", torch.tensor(config.label_prior))
        self.post_init()
        nn.init.normal_(self.classifier.linear.weight, std=0.001)  # post_init has redrawn them
        if self.difference.content is not None:
            nn.init.zeros_(self.difference.content.weight)

    def tie_weights(self, *args: Any, **kwargs: Any) -> None:
        """Share the decoder's word embeddings with its output layer, also after `from_pretrained`."""
        super().tie_weights(*args, **kwargs)
        self.decoder.tie()

    def relate(self, features: ImageFeatures, reports: Tensor, mask: Tensor) -> Relations:
        """reports (B, N, d_retrieval) vectors of the retrieved reports, mask (B, N) bool (False = padding)."""
        patches = self.patch_projection(features.patches)  # (B, m, d)
        f = self.image_projection(features.pooled)  # (B, d)
        difference = self.difference(self.report_projection(reports), f, mask)  # (B, N, d)
        similar = self.similar(self.similar_input(reports), mask, patches, features.patch_mask)
        different = self.different(difference, mask, patches, features.patch_mask)
        weights, selected = select(f, similar.tokens, mask)
        _, contrast = select(f, different.tokens, mask)
        return Relations(similar, different, weights, selected, contrast, mask)

    def classify(self, features: ImageFeatures, relations: Relations) -> Tensor:
        """State logits (B, 4, 14)."""
        logits: Tensor = self.classifier(features.pooled, relations.selected)
        return logits

    def remember(self, features: ImageFeatures, relations: Relations) -> tuple[Tensor, Tensor]:
        """Decoder memory (B, m + 2N, d_dec) and its mask (B, m + 2N).

        A gate of exactly 0 takes its tokens out of the softmax, so that the network is bit for bit the one without
        FAM; the gates start at 0.1 because a gate that masks its tokens would never get a gradient.
        """
        open_mask = relations.mask[:, None, :] & (self.gates != 0)[None, :, None]  # (B, 2, N)
        tokens = (
            self.memory_patches(features.patches),
            self.memory_similar(relations.similar.tokens),
            self.memory_different(relations.different.tokens),
        )
        patches, similar, different = (norm(x) for norm, x in zip(self.memory_norms, tokens, strict=True))
        gated = (patches, self.gates[0] * similar, self.gates[1] * different)
        memory = torch.cat([x + kind for x, kind in zip(gated, self.memory_types, strict=True)], dim=1)
        return memory, torch.cat([features.patch_mask, open_mask.flatten(1)], dim=1)

    def forward(
        self, features: ImageFeatures, reports: Tensor, mask: Tensor, states: Tensor, ids: Tensor, target: Tensor
    ) -> Losses:
        """Losses of a batch.

        states (B, 14) true state indices; ids (B, T) = prefix + report + end, 0-padded; target (B, d_retrieval) text
        embedding of the true report.
        """
        relations = self.relate(features, reports, mask)
        logits = self.decoder(ids, ids != 0, *self.remember(features, relations))
        labels = ids.masked_fill(ids == 0, -100)
        labels[:, :PREFIX_LENGTH] = -100
        language = language_loss(logits, labels)
        state_loss = adjusted_cross_entropy(self.classify(features, relations).float(), states, self.label_prior)
        projected = self.contrastive(relations.selected, relations.contrast, target)
        anchor, negative, report = (x.float() for x in projected)
        contrast = contrastive_loss(anchor, negative, report, states == POSITIVE)
        weight = self.config.loss_weights
        total = weight[0] * language + weight[1] * state_loss + weight[2] * contrast
        return Losses(total, language, state_loss, contrast)
