"""BERT from a local Hugging Face directory (model.safetensors, vocab.txt) into text tower and decoder. Nothing is unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from cxrreport.errors import WeightsError
from cxrreport.model.config import PROMPT_TOKENS
from cxrreport.model.diffrgennet import DiffRGenNet

_TENSORS, _VOCABULARY = "model.safetensors", "vocab.txt"
_HINT = {
    _TENSORS: (
        "; a pytorch_model.bin that you trust can be converted with safetensors.torch.save_file once every tensor is"
        " cloned (tied ones share their memory), or its model with save_model"
    ),
    _VOCABULARY: "",
}
_WORDS = "embeddings.word_embeddings.weight"
_HEAD = "cls.predictions."
_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}  # as TensorFlow had them


def read_vocabulary(directory: Path) -> list[str]:
    """Word pieces of a BERT directory and after them the prompt tokens: 30,522 + 5 for bert-base-uncased.

    Raises
    ------
    WeightsError : when vocab.txt cannot be read, is none, or names a piece twice.
    """
    pieces = _read_pieces(directory)
    return [*pieces, *(token for token in PROMPT_TOKENS if token not in pieces)]


def bert_sha256(directory: Path) -> str:
    """Digests of tensors and vocabulary, with a blank between them.

    Raises
    ------
    WeightsError : when a file cannot be read.
    """
    return " ".join(hashlib.sha256(_content(directory, name)).hexdigest() for name in (_TENSORS, _VOCABULARY))


def load_bert(network: DiffRGenNet, directory: Path, vocabulary: Sequence[str] | None = None) -> None:
    """Copy a BERT into the text tower and the decoder, and its language-modelling head, where it has one, into the latter.

    Row i of the word embeddings becomes that of `vocabulary`[i] (default: `read_vocabulary`); pieces that BERT does not
    know, the prompt tokens among them, keep their random row, and cross-attention, which it lacks, stays random. A network
    of fewer layers takes the first ones.

    Raises
    ------
    WeightsError : when a file cannot be read, or the tensors do not fit network or vocab.txt; nothing has been copied then.
    """
    pieces, tensors = _read_pieces(directory), _read(directory)
    _check_rows(tensors, len(pieces))
    chosen = list(read_vocabulary(directory) if vocabulary is None else vocabulary)
    decoder = network.decoder.lm
    parts: list[tuple[nn.Module, dict[str, Tensor]]] = [
        (bert, _fitting(bert, tensors, pieces, chosen)) for bert in (network.retrieval.text, decoder.bert)
    ]
    for module, state in parts:
        module.load_state_dict(state, strict=False)
    _load_head(decoder.cls.predictions, tensors, pieces, chosen)


def _content(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        message = f"The {name} of the BERT directory cannot be read{_HINT[name]}."
        raise WeightsError(message, "weights.missing") from error


def _read_pieces(directory: Path) -> list[str]:
    """The lines of vocab.txt: line i names row i of the embeddings."""
    try:
        pieces = _content(directory, _VOCABULARY).decode().splitlines()
    except UnicodeDecodeError as error:
        raise WeightsError("The vocab.txt of the BERT directory cannot be read.", "weights.vocabulary") from error
    if "[UNK]" not in pieces or len(set(pieces)) < len(pieces):
        raise WeightsError("The vocab.txt of the BERT directory is no vocabulary of BERT.", "weights.vocabulary")
    return pieces


def _check_rows(tensors: dict[str, Tensor], pieces: int) -> None:
    """Refuse tensors that are of another vocab.txt."""
    rows = {len(tensors[name]) for name in (_WORDS, f"{_HEAD}bias") if name in tensors}
    if rows - {pieces}:
        raise WeightsError(
            f"The vocab.txt of the BERT directory has {pieces} lines, its model.safetensors {min(rows - {pieces})} rows.",
            "weights.vocabulary",
        )


def _read(directory: Path) -> dict[str, Tensor]:
    """Tensors under the names that `BertModel` has today; those of the head keep their prefix."""
    try:
        tensors = load(_content(directory, _TENSORS))
    except SafetensorError as error:
        raise WeightsError("The model.safetensors of the BERT directory is damaged.", "weights.shape") from error
    return {_current(name.removeprefix("bert.")): value.float() for name, value in tensors.items()}


def _current(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        name = name.replace(old, new)
    return name


def _fitting(bert: nn.Module, tensors: dict[str, Tensor], pieces: list[str], chosen: list[str]) -> dict[str, Tensor]:
    """State for a `BertModel`: every parameter but those of cross-attention, the embeddings in the chosen order."""
    own = {name: p for name, p in bert.named_parameters() if ".crossattention." not in name}
    state = {name: tensors[name] for name in own if name in tensors}
    if len(state) == len(own):
        state[_WORDS] = _rows(own[_WORDS], tensors[_WORDS], pieces, chosen)
    if len(state) < len(own) or any(value.shape != own[name].shape for name, value in state.items()):
        raise WeightsError("The BERT directory does not fit the size of the network.", "weights.shape")
    return state


def _rows(own: Tensor, given: Tensor, pieces: list[str], chosen: list[str]) -> Tensor:
    """`own` with the rows of known pieces replaced; row i of `given` is that of `pieces`[i]."""
    if own.shape[0] != len(chosen) or own.shape[1:] != given.shape[1:]:
        raise WeightsError("The BERT directory does not fit the size of the network.", "weights.shape")
    place = {piece: row for row, piece in enumerate(pieces)}
    known = [row for row, piece in enumerate(chosen) if piece in place]
    rows = own.detach().clone()
    rows[known] = given[[place[chosen[row]] for row in known]]
    return rows


@torch.no_grad()
def _load_head(predictions: nn.Module, tensors: dict[str, Tensor], pieces: list[str], chosen: list[str]) -> None:
    """The head's transform and bias; its output matrix is the word embeddings."""
    for name, parameter in predictions.named_parameters():
        given = tensors.get(_HEAD + name)
        if given is None or name.startswith("decoder."):
            continue
        value = _rows(parameter, given, pieces, chosen) if name == "bias" else given
        if value.shape == parameter.shape:
            parameter.copy_(value)
