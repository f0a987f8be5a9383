"""Local reference prompts and their consistency with the retrieved reports (REVTAF's LRP and FCC).

A prompt is a finding and its state as a short text ("pleural effusion is present"), embedded by the network's own text
tower; a finding that a report is silent about has none. Prompts serve the loss alone (docs/model.md, REVTAF).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cxrreport.findings import FINDINGS, State
from cxrreport.model.config import BLANK, STATES, DiffRGenNetConfig
from cxrreport.model.retrieval_encoder import RetrievalEncoder
from cxrreport.model.revtaf.sinkhorn import Transport
from cxrreport.model.together import total
from cxrreport.model.tokens import ReportTokenizer

_TEXTS = {
    State.BLANK: "{} is not mentioned",
    State.POSITIVE: "{} is present",
    State.NEGATIVE: "there is no {}",
    State.UNCERTAIN: "{} is possible",
}
_TOKENS = 32


def prompt_texts() -> list[list[str]]:
    """Text of each finding (rows) in each state (columns)."""
    said = {"no finding": "acute abnormality"}
    rows = [[_TEXTS[state].format(said.get(finding, finding)) for state in STATES] for finding in FINDINGS]
    rows[FINDINGS.index("no finding")][STATES.index(State.POSITIVE)] = "no acute abnormality is present"
    return rows


class LocalPrompts(nn.Module):
    """FCC loss: transport between patches and the texts of the true states, held against FAM_sim's map."""

    vectors: Tensor

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(len(FINDINGS), len(STATES), config.d_retrieval))
        self.input = nn.Sequential(nn.Linear(config.d_retrieval, config.d_model), nn.LayerNorm(config.d_model))
        self.transport = Transport(config)

    @torch.no_grad()
    def embed(self, retrieval: RetrievalEncoder, tokenizer: ReportTokenizer) -> None:
        """Embed the texts with the text tower as it is now; to be called once before training."""
        was_training = retrieval.training
        retrieval.eval()
        for row, texts in enumerate(prompt_texts()):
            for column, text in enumerate(texts):
                ids = torch.tensor([tokenizer.encode(text, _TOKENS)], device=self.vectors.device)
                self.vectors[row, column] = retrieval.embed_text(ids, torch.ones_like(ids, dtype=torch.bool))[0]
        retrieval.train(was_training)

    def forward(
        self, states: Tensor, patches: Tensor, patch_mask: Tensor, reports: Tensor, mask: Tensor, maps: Tensor
    ) -> Tensor:
        """FCC of a batch: states (B, 14), patches (B, m, d), patch_mask (B, m), retrieved reports (B, N, d_retrieval),
        mask (B, N) and their maps (B, N, m).

        Raises
        ------
        RuntimeError : when `embed` has never been called.
        """
        if not self.vectors.any():
            raise RuntimeError("The local prompts have not been embedded: call LocalPrompts.embed before training.")
        local = self.vectors[torch.arange(len(FINDINGS), device=states.device), states]  # (B, 14, d_retrieval)
        stated = states != BLANK
        safe = stated.clone()
        safe[:, 0] |= ~stated.any(1)  # transport to nothing would be NaN
        _, local_maps = self.transport(patches, patch_mask, self.input(local), safe)
        cosine = F.normalize(reports.float(), dim=-1) @ F.normalize(local, dim=-1).transpose(1, 2)  # (B, N, 14)
        pairs = mask.unsqueeze(2) & stated.unsqueeze(1)
        return consistency_loss(cosine, soft_overlap(maps.float(), local_maps, patch_mask), pairs)


def soft_overlap(one: Tensor, other: Tensor, patch_mask: Tensor) -> Tensor:
    """Soft IoU (B, N, L) of maps (B, N, m) and (B, L, m), each stretched to 0..1 over the patches there are."""
    x, y = (_stretched(maps, patch_mask) for maps in (one, other))
    x, y = x.unsqueeze(2), y.unsqueeze(1)
    return torch.minimum(x, y).sum(-1) / torch.maximum(x, y).sum(-1).clamp(min=1e-6)


def _stretched(maps: Tensor, patch_mask: Tensor) -> Tensor:
    absent = ~patch_mask.unsqueeze(1)
    low = maps.masked_fill(absent, torch.inf).amin(-1, keepdim=True)
    high = maps.masked_fill(absent, -torch.inf).amax(-1, keepdim=True)
    return ((maps - low) / (high - low).clamp(min=1e-6)).masked_fill(absent, 0)


def consistency_loss(cosine: Tensor, overlap: Tensor, pairs: Tensor) -> Tensor:
    """REVTAF's FCC: texts that say the same look at the same place.

    cosine, overlap (B, N, L) of the texts and maps of global and local prompts; pairs (B, N, L) bool, those that
    count. Mean of (max(cosine, 0) - overlap)^2, the texts' side without gradient; 0 without any pair.
    """
    each = (cosine.clamp(min=0).detach() - overlap).square()
    return total((each * pairs).sum()) / total(pairs.sum()).clamp(min=1)
