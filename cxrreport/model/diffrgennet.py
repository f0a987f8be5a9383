"""DiffRGenNet (MIDL 2025), the whole network in reading order; model.md §1 resolves what the paper leaves open.

films -> encoder -> patches, pooled v                                       §1.2
retrieved reports E, v -> e, f -> Feature Difference                        §1.4, §1.5
FAM_sim(E, patches), FAM_dif(difference, patches) -> s, u                   §1.6, §1.7
[v, s] -> 14 findings x 4 states                                            §1.8
memory = [patches, gate * similar, gate * different] -> decoder -> report   §1.9

The configuration can take parts away or put others in their place (`ablations.py`); what it takes away is not built.
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
from cxrreport.model.fam import FAM, Alignment
from cxrreport.model.heads import ClassificationHead, ContrastiveHeads, ContrastiveQueue, select
from cxrreport.model.local_prompts import LocalPrompts
from cxrreport.model.losses import adjusted_cross_entropy, contrastive_loss, language_loss
from cxrreport.model.retrieval_encoder import RetrievalEncoder


@dataclass(frozen=True, slots=True)
class Relations:
    """How the retrieved reports relate to the films.

    similar, different : the two FAM outputs; weights (B, N) is each report's share in the selection;
    selected s (B, d) feeds the classifier, contrast u (B, d) is the SCL negative. All of a branch that the configuration
    leaves out is zero.
    """

    similar: Alignment
    different: Alignment
    weights: Tensor
    selected: Tensor
    contrast: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars of one batch; `total` is L_LM + 4 L_SDL + 0.1 L_SCL by default. A loss that is off is 0."""

    total: Tensor
    language: Tensor
    states: Tensor
    contrast: Tensor
    consistency: Tensor


class DiffRGenNet(PreTrainedModel):  # type: ignore[misc]
    """The network. Nothing in here opens a file."""

    config_class = DiffRGenNetConfig
    base_model_prefix = "diffrgennet"
    config: DiffRGenNetConfig
    label_prior: Tensor
    _tied_weights_keys = {  # noqa: RUF012 (the base class declares it so)
        "decoder.lm.cls.predictions.decoder.weight": "decoder.lm.bert.embeddings.word_embeddings.weight",
        "decoder.lm.cls.predictions.decoder.bias": "decoder.lm.cls.predictions.bias",
    }

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__(config)
        d, d_dec, width = config.d_model, config.decoder_width, config.encoder_width
        sources = 3 if config.reports_in_memory else 1  # of the memory: patches, similar, different
        self.encoder = ImageEncoder(config)
        self.retrieval = RetrievalEncoder(config)
        if config.uses_similar:
            self.patch_projection = nn.Sequential(nn.Linear(width, d), nn.LayerNorm(d))  # P_d
            self.image_projection = nn.Linear(width, d)  # f
        if config.uses_different:
            self.report_projection = nn.Linear(config.d_retrieval, d)  # W_e
        self.difference = FeatureDifference(config) if config.uses_different and config.feature_difference else None
        if config.uses_similar:
            self.similar_input = nn.Sequential(nn.Linear(config.d_retrieval, d), nn.LayerNorm(d))  # W_s
        plain = "dra" if config.fam_attention == "mpsa" else config.fam_attention  # §3.6: MPSA is for FAM_sim alone
        self.similar = FAM(config, config.fam_attention if config.uses_similar else None)
        self.different = FAM(config, plain if config.uses_different else None)
        self.classifier = ClassificationHead(config)
        self.contrastive = ContrastiveHeads(config) if config.uses_scl else None
        self.queue = ContrastiveQueue(config) if config.uses_scl and config.scl_queue else None
        self.local_prompts = LocalPrompts(config) if config.uses_fcc else None
        self.memory_patches = nn.Linear(width, d_dec)  # P_dec
        if config.reports_in_memory:
            self.memory_similar, self.memory_different = nn.Linear(d, d_dec), nn.Linear(d, d_dec)
        self.memory_types = nn.Parameter(torch.zeros(sources, d_dec))
        self.memory_norms = nn.ModuleList(nn.LayerNorm(d_dec) for _ in range(sources))
        if config.reports_in_memory:
            self.gates = nn.Parameter(torch.full((2,), 0.1))  # 0 is the network without FAM (A16), see `remember`
        self.decoder = ReportDecoder(config)
        self.register_buffer("label_prior", torch.tensor(config.label_prior))
        self.post_init()
        nn.init.normal_(self.classifier.linear.weight, std=0.001)  # post_init has redrawn them
        if self.difference is not None and self.difference.content is not None:
            nn.init.zeros_(self.difference.content.weight)

    def tie_weights(self, *args: Any, **kwargs: Any) -> None:
        """Share the decoder's word embeddings with its output layer, also after `from_pretrained`."""
        super().tie_weights(*args, **kwargs)
        self.decoder.tie()

    def relate(self, features: ImageFeatures, reports: Tensor, mask: Tensor) -> Relations:
        """reports (B, N, d_retrieval) vectors of the retrieved reports, mask (B, N) bool (False = padding)."""
        nothing = reports.new_zeros(*mask.shape, self.config.d_model)
        if not self.config.uses_similar:
            unused = Alignment(nothing, [], nothing.new_zeros(*mask.shape, features.patches.shape[1]))
            none = nothing.new_zeros(len(mask), self.config.d_model)
            return Relations(unused, unused, torch.zeros_like(mask, dtype=torch.float32), none, none, mask)
        patches = self.patch_projection(features.patches)  # (B, m, d)
        f = self.image_projection(features.pooled)  # (B, d)
        change = self._change(reports, f, mask) if self.config.uses_different else nothing  # (B, N, d)
        similar = self.similar(self.similar_input(reports), mask, patches, features.patch_mask)
        different = self.different(change, mask, patches, features.patch_mask)
        weights, selected = select(f, similar.tokens, mask)
        _, contrast = select(f, different.tokens, mask)
        return Relations(similar, different, weights, selected, contrast, mask)

    def _change(self, reports: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """Tokens of the difference branch (B, N, d): Delta of §1.5, or without Feature Difference the reports e alone."""
        e: Tensor = self.report_projection(reports)
        if self.difference is None:
            return e * mask.unsqueeze(-1)
        change: Tensor = self.difference(e, f, mask)
        return change

    def classify(self, features: ImageFeatures, relations: Relations) -> Tensor:
        """State logits (B, 4, 14)."""
        logits: Tensor = self.classifier(features.pooled, relations.selected)
        return logits

    def remember(self, features: ImageFeatures, relations: Relations) -> tuple[Tensor, Tensor]:
        """Decoder memory (B, m + 2N, d_dec) and its mask (B, m + 2N); without `reports_in_memory` the m patches alone.

        The tokens of a gate of exactly 0 are left out, so that the network is bit for bit the one without FAM (tokens
        that are only masked change the order of the sums). The gates start at 0.1 because a closed one would never get
        a gradient.
        """
        memory = [self.memory_norms[0](self.memory_patches(features.patches)) + self.memory_types[0]]
        masks = [features.patch_mask]
        if self.config.reports_in_memory:
            branches = ((self.memory_similar, relations.similar), (self.memory_different, relations.different))
            for number, (project, branch) in enumerate(branches):
                if (gate := self.gates[number]) != 0:
                    tokens = self.memory_norms[number + 1](project(branch.tokens))
                    memory.append(gate * tokens + self.memory_types[number + 1])
                    masks.append(relations.mask)
        return torch.cat(memory, dim=1), torch.cat(masks, dim=1)

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
        contrast = self._contrast(relations, target, states == POSITIVE, like=language)
        consistency = self._consistency(features, reports, relations, states, like=language)
        weight = self.config.loss_weights
        total = weight[0] * language + weight[1] * state_loss
        if self.config.uses_scl:
            total = total + weight[2] * contrast
        if self.config.uses_fcc:
            total = total + self.config.fcc_weight * consistency
        return Losses(total, language, state_loss, contrast, consistency)

    def _contrast(self, relations: Relations, target: Tensor, positives: Tensor, like: Tensor) -> Tensor:
        """L_SCL; in training also against the queue, which the batch then joins."""
        if self.contrastive is None:
            return like.new_zeros(())
        projected = self.contrastive(relations.selected, relations.contrast, target)
        anchor, negative, report = (x.float() for x in projected)
        if self.queue is None or not self.training:
            return contrastive_loss(anchor, negative, report, positives)
        loss = contrastive_loss(anchor, negative, report, positives, self.queue.contents())
        self.queue.push(anchor, report, positives)
        return loss

    def _consistency(
        self, features: ImageFeatures, reports: Tensor, relations: Relations, states: Tensor, like: Tensor
    ) -> Tensor:
        """REVTAF's L_fcc."""
        if self.local_prompts is None:
            return like.new_zeros(())
        patches, maps = self.patch_projection(features.patches), relations.similar.attention_map
        loss: Tensor = self.local_prompts(states, patches, features.patch_mask, reports, relations.mask, maps)
        return loss
