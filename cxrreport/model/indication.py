"""How the decoder reads why a film was made: the indication's tokens stand in its memory (docs/model.md, Decoder)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cxrreport.model.config import INDICATION_TOKENS, DiffRGenNetConfig
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.tokens import ReportTokenizer


class IndicationReader(nn.Module):
    """Memory tokens of an indication, in the embeddings of the decoder.

    There are always `INDICATION_TOKENS` of them, masked where nothing is said, so that a draft does not depend on what
    else is in its batch.
    """

    def __init__(self, config: DiffRGenNetConfig) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.zeros(config.decoder_width))

    def forward(self, decoder: ReportDecoder, ids: Tensor) -> tuple[Tensor, Tensor]:
        """ids (B, T), rows of 0 where nothing is said -> memory (B, T, d_dec) and mask (B, T) bool."""
        tokens: Tensor = decoder.lm.bert.embeddings(input_ids=ids) + self.kind
        return tokens, ids != 0


def indication_ids(tokenizer: ReportTokenizer, texts: Sequence[str | None]) -> Tensor:
    """Ids (B, INDICATION_TOKENS), 0-padded, of what is said; a row of 0 for "" and None."""
    ids = torch.zeros(len(texts), INDICATION_TOKENS, dtype=torch.long)
    for row, text in zip(ids, texts, strict=True):
        found = tokenizer.encode(text or "", INDICATION_TOKENS)
        row[: len(found)] = torch.tensor(found, dtype=torch.long)
    return ids
