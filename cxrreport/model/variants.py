"""Networks of the papers' ablation tables: DiffRGenNet with parts taken away, or others in their place.

`ablations.py` names the rows; docs/model.md, Ablations says what each one means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from cxrreport.findings import FINDINGS
from cxrreport.model.ablations import ABLATIONS
from cxrreport.model.attention import Attended, CrossAttention
from cxrreport.model.config import DROPOUT, STATES, DiffRGenNetConfig
from cxrreport.model.difference import FeatureDifference, LiteralDifference
from cxrreport.model.diffrgennet import DiffRGenNet, Losses, Relations
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.fam import FAM, Alignment
from cxrreport.model.heads import ClassificationHead, select
from cxrreport.model.revtaf.local_prompts import LocalPrompts
from cxrreport.model.revtaf.sinkhorn import SinkhornAttention
from cxrreport.model.routing import RoutedAttention, Router, own_place
from cxrreport.model.tokens import ReportTokenizer

_TRAR_MASKS = 4  # orders 0..3 in every layer
_CHANGED = {name for row in ABLATIONS.values() for name in row} - {"masks_per_layer"}


def build_network(config: DiffRGenNetConfig) -> DiffRGenNet:
    """The network of a configuration; `DiffRGenNet` itself where it changes nothing but sizes."""
    if not config.reports_in_memory:
        return EnhancedPromptMRG(config) if config.reports_in_classifier else PromptMRG(config)
    paper = DiffRGenNetConfig()
    changed = any(getattr(config, name) != getattr(paper, name) for name in _CHANGED)
    return Variant(config) if changed else DiffRGenNet(config)


class Variant(DiffRGenNet):
    """DiffRGenNet with other attentions, another difference, other losses."""

    def build(self, config: DiffRGenNetConfig) -> None:
        """Make all parts of DiffRGenNet, and change what the configuration changes."""
        super().build(config)
        change_attention(self.similar, config, config.fam_attention)
        change_attention(self.different, config, "dra" if config.fam_attention == "mpsa" else config.fam_attention)
        if not config.feature_difference:
            self.difference = ReportsAlone()
        else:
            kind = FeatureDifference if config.diff_content else LiteralDifference
            self.difference = kind(config, config.metrics)
        if not config.scl:
            self.contrastive = NoContrast()
        self.local_prompts = LocalPrompts(config) if config.fcc_weight else None

    def prepare_training(self, tokenizer: ReportTokenizer) -> None:
        """Embed the texts of L_fcc."""
        if self.local_prompts is not None:
            self.local_prompts.embed(self.retrieval, tokenizer)

    def losses(
        self, features: ImageFeatures, relations: Relations, states: Tensor, ids: Tensor, target: Tensor,
        indication: Tensor | None = None,
    ) -> Losses:  # fmt: skip
        """Those of DiffRGenNet, and REVTAF's L_fcc."""
        found = super().losses(features, relations, states, ids, target, indication)
        if self.local_prompts is None:
            return found
        patches, maps = self.patch_projection(features.patches), relations.similar.attention_map
        consistency = self.local_prompts(states, patches, features.patch_mask, relations.reports, relations.mask, maps)
        return replace(found, total=found.total + self.config.fcc_weight * consistency, consistency=consistency)


class EnhancedPromptMRG(Variant):
    """PromptMRG with its cross-modal feature enhancement: reports reach the classifier alone, through one FAM."""

    def build(self, config: DiffRGenNetConfig) -> None:
        """Leave out the difference branch and the memory of reports."""
        super().build(config)
        for name in ("report_projection", "different", "memory_similar", "memory_different", "gates"):
            delattr(self, name)
        self.memory_types = nn.Parameter(self.memory_types[:1].detach())
        self.memory_norms = self.memory_norms[:1]

    def relate(self, features: ImageFeatures, reports: Tensor, mask: Tensor) -> Relations:
        """As in DiffRGenNet, with nothing in the difference branch."""
        patches, f = self.patch_projection(features.patches), self.image_projection(features.pooled)
        similar = self.similar(self.similar_input(reports), mask, patches, features.patch_mask)
        weights, selected = select(f, similar.tokens, mask)
        nothing = Alignment(torch.zeros_like(similar.tokens), [], torch.zeros_like(similar.attention_map))
        return Relations(reports, mask, similar, nothing, weights, selected, torch.zeros_like(selected))

    def see(self, features: ImageFeatures, relations: Relations) -> tuple[Tensor, Tensor]:
        """The patches alone."""
        return self.memory_norms[0](self.memory_patches(features.patches)) + self.memory_types[0], features.patch_mask


class PromptMRG(EnhancedPromptMRG):
    """Encoder, logit-adjusted classifier, state prompts, decoder: nothing reads the retrieved reports."""

    def build(self, config: DiffRGenNetConfig) -> None:
        """Leave out the similar branch too."""
        super().build(config)
        for name in ("patch_projection", "image_projection", "similar_input", "similar"):
            delattr(self, name)
        self.classifier = ImageClassificationHead(config)

    def relate(self, features: ImageFeatures, reports: Tensor, mask: Tensor) -> Relations:
        """Zeros in every place."""
        tokens = reports.new_zeros(*mask.shape, self.config.d_model)
        none = Alignment(tokens, [], reports.new_zeros(*mask.shape, features.patches.shape[1]))
        weights = torch.zeros_like(mask, dtype=torch.float32)
        return Relations(reports, mask, none, none, weights, tokens[:, 0], tokens[:, 0])


# -- attentions --------------------------------------------------------------------------------------------------------


def change_attention(fam: FAM, config: DiffRGenNetConfig, attention: str) -> None:
    """Put what the configuration wants in place of the routed attention; "concat" replaces the whole stack."""
    if attention == "concat":
        fam.layers = nn.ModuleList([ConcatLayer(config)])
        return
    layers: Iterable[Any] = fam.layers
    for layer, masks in zip(layers, config.masks_per_layer, strict=True):
        if attention in _ATTENTIONS:
            layer.routed = _ATTENTIONS[attention](config)
            continue
        if config.anchor == "cyclic":
            layer.routed.anchors = cyclic
        if config.binarize:
            layer.routed.router = HardRouter(config.d_model, masks)


def cyclic(attention: Tensor, f_mask: Tensor) -> Tensor:
    """Eq. 6 as printed: query after query, the anchors (B, n) count through the patches that are there (B, m)."""
    there = (~f_mask).byte().argsort(dim=1, stable=True)  # (B, m), those that are there first
    query = torch.arange(attention.shape[2], device=f_mask.device).expand(len(f_mask), -1)  # (B, n)
    return there.gather(1, query % f_mask.sum(1, keepdim=True).clamp(min=1))


class HardRouter(Router):
    """TRAR's hard routing, without its noise: in evaluation the likeliest window alone."""

    def decide(self, logits: Tensor) -> Tensor:
        """1 for the likeliest, 0 for the others."""
        return nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)


class TRARAttention(nn.Module):
    """Table A's "TRAR" (Zhou et al., ICCV 2021): the patches route their own attention, each at its own place, among the
    same orders 0..3 in all layers; the report tokens attend to the refined patches plainly, which the next layer gets.
    TRAR's feed-forward over the patches is left out, so that the layers cost about the same.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.grid = RoutedAttention(config, _TRAR_MASKS, own_place)
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(DROPOUT)
        self.cross = CrossAttention(config)

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Attended:
        """Shapes as in `RoutedAttention`."""
        routed = self.grid(f, f_mask, f, f_mask, temperature)
        f = self.norm(f + self.dropout(routed.tokens))
        attended: Attended = self.cross(z, z_mask, f, f_mask, temperature)
        return attended._replace(alpha=routed.alpha)


_ATTENTIONS: dict[str, type[nn.Module]] = {
    "transformer": CrossAttention, "trar": TRARAttention, "mpsa": SinkhornAttention,
}  # fmt: skip


class ConcatLayer(nn.Module):
    """Table A's "Concat", "merely concatenating the two features": no attention, neither to patches nor among reports.

    Each token is joined with the mean of the patches and goes through an MLP. One such layer stands for the stack.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        d, ffn = config.d_model, config.ffn
        self.mlp = nn.Sequential(
            nn.Linear(2 * d, ffn), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(ffn, d), nn.LayerNorm(d)
        )

    def forward(self, z: Tensor, z_mask: Tensor, f: Tensor, f_mask: Tensor, temperature: Tensor) -> Attended:
        """Shapes as in `DRALayer`; the map is the even share of each patch in the mean."""
        share = f_mask.to(f.dtype) / f_mask.sum(1, keepdim=True).clamp(min=1)  # (B, m)
        mean = (share.unsqueeze(1) @ f).expand(-1, z.shape[1], -1)  # (B, n, d)
        return Attended(self.mlp(torch.cat([z, mean], dim=-1)), f, None, share.unsqueeze(1).expand(-1, z.shape[1], -1))


# -- differences, classifier, losses -----------------------------------------------------------------------------------


class ReportsAlone(nn.Module):
    """Table 2's "w/o Feature Difference": the projected reports e themselves."""

    def forward(self, e: Tensor, f: Tensor, mask: Tensor) -> Tensor:
        """As in `FeatureDifference`."""
        return e * mask.unsqueeze(-1)


class ImageClassificationHead(ClassificationHead):
    """Reads v alone."""

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__(config)
        self.linear = nn.Linear(config.encoder_width, len(STATES) * len(FINDINGS))

    def forward(self, pooled: Tensor, selected: Tensor) -> Tensor:
        """As in `ClassificationHead`."""
        logits: Tensor = self.linear(pooled)
        return logits.view(-1, len(STATES), len(FINDINGS))


class NoContrast(nn.Module):
    """Table 2's "w/o SCL": a loss of 0."""

    def forward(self, selected: Tensor, contrast: Tensor, target: Tensor, positives: Tensor) -> Tensor:
        """As in `ContrastiveHeads`."""
        return selected.new_zeros((), dtype=torch.float32)
