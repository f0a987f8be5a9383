"""A tiny network of CheXbert's structure, for tests without the published weights."""

import json

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "no", "large", "effusion", "##s", "clear", "."]
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
}


def tiny_checkpoint(seed=7):
    """A state dict with the names of the published one, pooling layer and all; large weights, so that words matter."""
    torch.manual_seed(seed)
    bert = BertModel(BertConfig(vocab_size=len(PIECES), initializer_range=0.8, **SIZES))
    state = {f"module.bert.{name}": value for name, value in bert.state_dict().items()}
    state["module.bert.embeddings.position_ids"] = torch.arange(12)[None]
    for head in range(14):
        classes = 2 if head == 13 else 4
        state[f"module.linear_heads.{head}.weight"] = torch.randn(classes, 16)
        state[f"module.linear_heads.{head}.bias"] = torch.randn(classes)
    return state


def write_chexbert(directory, checkpoint):
    """A directory as `CheXbert` reads it."""
    directory.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in checkpoint.items()}, directory / "model.safetensors")
    (directory / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    (directory / "config.json").write_text(json.dumps(SIZES), encoding="utf-8")
    return directory
