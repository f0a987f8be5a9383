"""DiffRGenNet (MIDL 2025), the whole network in reading order; docs/model.md holds the equations as built.

images -> encoder -> patches, pooled v
retrieved reports E, v -> e, f -> Feature Difference
FAM_sim(E, patches), FAM_dif(difference, patches) -> s, u
[v, s] -> 14 findings x 4 states
memory = [patches, gate * similar, gate * different] -> decoder -> report; weights that read it have the indication there, too

What ablations take away or put in its place is built in `variants.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from cxrreport.model.config import INDICATION_TOKENS, POSITIVE, PREFIX_LENGTH, DiffRGenNetConfig
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.difference import FeatureDifference
from cxrreport.model.encoder import ImageEncoder, ImageFeatures
from cxrreport.model.fam import FAM, Alignment
from cxrreport.model.heads import ClassificationHead, ContrastiveHeads, EvidenceHead, select
from cxrreport.model.indication import IndicationReader
from cxrreport.model.losses import adjusted_cross_entropy, language_loss
from cxrreport.model.retrieval_encoder import RetrievalEncoder
from cxrreport.model.together import whole
from cxrreport.model.tokens import ReportTokenizer

LAMBDA, GAMMA = 4.0, 0.1  # weights of L_SDL and L_SCL; L_LM has 1


@dataclass(frozen=True, slots=True)
class Relations:
    """How the retrieved reports relate to the images.

    reports (B, N, d_retrieval) and mask (B, N) as given. similar, different: the two FAM outputs. weights (B, N): each
    report's share in the selection. selected s (B, d) feeds the classifier, contrast u (B, d) is the SCL negative.
    """

    reports: Tensor
    mask: Tensor
    similar: Alignment
    different: Alignment
    weights: Tensor
    selected: Tensor
    contrast: Tensor


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars of one batch; `total` is L_LM + 4 L_SDL + 0.1 L_SCL. `consistency` is REVTAF's, 0 where there is none."""

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
        self.build(config)
        self.register_buffer("label_prior", torch.tensor(config.label_prior))
        self.post_init()
        nn.init.normal_(self.classifier.linear.weight, std=0.001)  # post_init has redrawn them
        if isinstance(self.difference, FeatureDifference):
            nn.init.zeros_(self.difference.content.weight)

    def build(self, config: DiffRGenNetConfig) -> None:
        """Make the parts, in reading order."""
        d, d_dec, width = config.d_model, config.decoder_width, config.encoder_width
        self.encoder = ImageEncoder(config)
        self.retrieval = RetrievalEncoder(config)
        self.patch_projection = nn.Sequential(nn.Linear(width, d), nn.LayerNorm(d))  # P_d
        self.image_projection = nn.Linear(width, d)  # f
        self.report_projection = nn.Linear(config.d_retrieval, d)  # W_e
        self.difference: nn.Module = FeatureDifference(config)
        self.similar_input = nn.Sequential(nn.Linear(config.d_retrieval, d), nn.LayerNorm(d))  # W_s
        self.similar = FAM(config)
        self.different = FAM(config)
        self.classifier = ClassificationHead(config)
        self.contrastive: nn.Module = ContrastiveHeads(config)
        self.memory_patches = nn.Linear(width, d_dec)  # P_dec
        self.memory_similar, self.memory_different = nn.Linear(d, d_dec), nn.Linear(d, d_dec)
        self.memory_types = nn.Parameter(torch.zeros(3, d_dec))  # patches, similar, different
        self.memory_norms = nn.ModuleList(nn.LayerNorm(d_dec) for _ in range(3))
        self.gates = nn.Parameter(torch.full((2,), 0.1))  # 0 is the network without FAM, see `remember`
        self.decoder = ReportDecoder(config)
        self.indication = IndicationReader(config) if config.reads_indication else None
        self.evidence = EvidenceHead(config) if config.localises else None

    def read_indications(self) -> None:
        """Give the decoder the part that reads indications, where it has none; training must follow."""
        if self.indication is None:
            self.config.reads_indication = True
            self.indication = IndicationReader(self.config)

    def localise(self) -> EvidenceHead:
        """The head that tells where findings are seen; a new one where there was none, and then training must follow."""
        if self.evidence is None:
            self.config.localises = True
            self.evidence = EvidenceHead(self.config).to(self.label_prior.device)
        return self.evidence

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
        return Relations(reports, mask, similar, different, weights, selected, contrast)

    def classify(self, features: ImageFeatures, relations: Relations) -> Tensor:
        """State logits (B, 4, 14)."""
        logits: Tensor = self.classifier(features.pooled, relations.selected)
        return logits

    def remember(
        self, features: ImageFeatures, relations: Relations, indication: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Decoder memory (B, M, d_dec) and its mask (B, M), M = m + 2N.

        indication (B, T): ids of why the films were made, rows of 0 where nothing is said; None for nothing at all. A network
        that reads them has M = m + 2N + T, others leave them out.
        """
        memory, mask = self.see(features, relations)
        if self.indication is None:
            return memory, mask
        if indication is None:
            indication = mask.new_zeros((len(mask), INDICATION_TOKENS), dtype=torch.long)
        tokens, told = self.indication(self.decoder, indication)
        return torch.cat([memory, tokens], dim=1), torch.cat([mask, told], dim=1)

    def see(self, features: ImageFeatures, relations: Relations) -> tuple[Tensor, Tensor]:
        """Memory of images and reports (B, m + 2N, d_dec) and its mask (B, m + 2N).

        The tokens of a gate of exactly 0 are left out, so that the network is bit for bit the one without FAM: tokens
        that are only masked change the order of the sums.
        """
        memory = [self.memory_norms[0](self.memory_patches(features.patches)) + self.memory_types[0]]
        masks = [features.patch_mask]
        branches = ((self.memory_similar, relations.similar), (self.memory_different, relations.different))
        for number, (project, branch) in enumerate(branches):
            if (gate := self.gates[number]) != 0:
                tokens = self.memory_norms[number + 1](project(branch.tokens))
                memory.append(gate * tokens + self.memory_types[number + 1])
                masks.append(relations.mask)
        return torch.cat(memory, dim=1), torch.cat(masks, dim=1)

    def prepare_training(self, tokenizer: ReportTokenizer) -> None:
        """Work out what training needs once; nothing here."""

    def heat(self, temperature: float) -> None:
        """Set the temperature of the routers for the next step of training."""
        for module in self.modules():
            if isinstance(module, FAM):
                module.temperature.fill_(temperature)

    def forward(
        self, features: ImageFeatures, reports: Tensor, mask: Tensor, states: Tensor, ids: Tensor, target: Tensor,
        indication: Tensor | None = None,
    ) -> Losses:  # fmt: skip
        """Losses of a batch.

        states (B, 14) true state indices; ids (B, T) = prefix + report + end, 0-padded; target (B, d_retrieval) text
        embedding of the true report; indication as in `remember`.
        """
        return self.losses(features, self.relate(features, reports, mask), states, ids, target, indication)

    def losses(
        self, features: ImageFeatures, relations: Relations, states: Tensor, ids: Tensor, target: Tensor,
        indication: Tensor | None = None,
    ) -> Losses:  # fmt: skip
        """As `forward`, of reports already related."""
        logits = self.decoder(ids, ids != 0, *self.remember(features, relations, indication))
        labels = ids.masked_fill(ids == 0, -100)
        labels[:, :PREFIX_LENGTH] = -100
        language = language_loss(logits, labels)
        states = whole(states)
        said = whole(self.classify(features, relations).float())
        state_loss = adjusted_cross_entropy(said, states, self.label_prior)
        vectors = (whole(x) for x in (relations.selected, relations.contrast, target))
        contrast = self.contrastive(*vectors, states == POSITIVE)
        total = language + LAMBDA * state_loss + GAMMA * contrast
        return Losses(total, language, state_loss, contrast, torch.zeros_like(language))
