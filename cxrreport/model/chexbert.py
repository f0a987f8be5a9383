"""CheXbert (Smit et al., 2020): labels of a report by a network, where a site has its weights.

A directory holds `model.safetensors` (the published checkpoint, converted: nothing is unpickled here) and `vocab.txt` of
bert-base-uncased; `config.json` may give other sizes than those of bert-base. BERT reads the report; on its first hidden
state stand 14 linear heads in the order of `FINDINGS`: 13 of 4 classes in the order of `State`, "no finding" of 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from cxrreport.errors import WeightsError
from cxrreport.findings import FINDINGS, State
from cxrreport.model.tokens import by_length, wordpiece

NETWORK, VOCABULARY, CONFIG = "model.safetensors", "vocab.txt", "config.json"
_STATES = tuple(State)
_CLASSES = tuple(2 if finding == "no finding" else len(_STATES) for finding in FINDINGS)
_LONGEST = 512  # tokens, [CLS] and [SEP] included
_CONVERT = (
    'python -c "import torch; from safetensors.torch import save_file; '
    "s = torch.load('chexbert.pth', map_location='cpu', weights_only=True)['model_state_dict']; "
    "save_file({k.removeprefix('module.'): v.contiguous() for k, v in s.items()}, 'model.safetensors')\""
)


class _Network(nn.Module):
    """BERT and a linear layer for each finding; the names of its parts are those of the checkpoint."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.linear_heads = nn.ModuleList(nn.Linear(config.hidden_size, classes) for classes in _CLASSES)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Classes of the findings: ids and mask (B, T) -> (B, 14) int64."""
        first = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]  # (B, hidden)
        return torch.stack([head(first).argmax(-1) for head in self.linear_heads], dim=1)


class CheXbert:
    """Labels reports in batches of similar length.

    Raises
    ------
    WeightsError : when a file of the directory is missing or does not fit; the message says how to convert a checkpoint.
    """

    def __init__(self, directory: Path, device: str = "cpu", batch_size: int = 32) -> None:
        self._tokenizer = _read_tokenizer(directory)
        config = _read_config(directory, self._tokenizer.get_vocab_size())
        self._network = _Network(config)
        _fill(self._network, directory)
        nn.Module.to(self._network, device).eval()
        self._device = device
        pieces = self._tokenizer.get_vocab()
        self._first, self._last = pieces["[CLS]"], pieces["[SEP]"]
        self._longest = min(_LONGEST, config.max_position_embeddings)
        self._batch_size = batch_size

    @torch.inference_mode()
    def label(self, texts: Sequence[str]) -> list[dict[str, State]]:
        """States of the 14 findings for each text, in the order of the texts."""
        rows = [self._encode(text) for text in texts]
        found = torch.zeros(len(rows), len(FINDINGS), dtype=torch.long)
        for numbers, ids, mask in by_length(rows, self._batch_size):
            found[numbers] = self._network(ids.to(self._device), mask.to(self._device)).cpu()
        return [{finding: _STATES[c] for finding, c in zip(FINDINGS, row)} for row in found.tolist()]

    def _encode(self, text: str) -> list[int]:
        """Tokens between [CLS] and [SEP], white space collapsed, cut at the longest that BERT reads."""
        ids = self._tokenizer.encode(re.sub(r"\s+", " ", text).strip(), add_special_tokens=False).ids
        return [self._first, *ids[: self._longest - 2], self._last]


def _read_tokenizer(directory: Path) -> Tokenizer:
    try:
        pieces = (directory / VOCABULARY).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"CheXbert's {VOCABULARY} of bert-base-uncased cannot be read.", "weights.missing"
        ) from error
    if not {"[PAD]", "[UNK]", "[CLS]", "[SEP]"} <= {*pieces}:
        raise WeightsError(f"CheXbert's {VOCABULARY} is no vocabulary of BERT.", "weights.vocabulary")
    return wordpiece(pieces, longest=100)


def _read_config(directory: Path, pieces: int) -> BertConfig:
    """Sizes of bert-base, or those of config.json where there is one."""
    path = directory / CONFIG
    try:
        given: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return BertConfig(**{"vocab_size": pieces, **given})
    except Exception as error:  # whatever the constructor raises at a value that makes no sense
        raise WeightsError(f"CheXbert's {CONFIG} describes no BERT.", "weights.config") from error


def _fill(network: _Network, directory: Path) -> None:
    """Load the checkpoint; the pooling layer, which CheXbert does not use, and saved positions are passed over."""
    path = directory / NETWORK
    if not path.is_file():
        raise WeightsError(
            f"CheXbert's directory has no {NETWORK}; convert the checkpoint there: {_CONVERT}", "weights.missing"
        )
    try:
        tensors = {name.removeprefix("module."): value for name, value in load_file(path).items()}
        kept = {
            name: value.float()
            for name, value in tensors.items()
            if not name.startswith("bert.pooler.") and name != "bert.embeddings.position_ids"
        }
        network.load_state_dict(kept)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(f"CheXbert's {NETWORK} is damaged or of another network.", "weights.shape") from error
