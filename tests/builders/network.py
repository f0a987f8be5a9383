"""A tiny network with random weights, its tokenizer, and made-up samples, for tests that need no trained weights."""

from __future__ import annotations

import string
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.sample import Sample, make_sample
from cxrreport.model.config import PREFIX_LENGTH, PROMPT_TOKENS, SPECIAL_TOKENS, tiny
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.tokens import ReportTokenizer, pad
from cxrreport.model.views import ViewClassifier
from cxrreport.model.weights import Weights

CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
WORDS = (
    *("heart", "lungs", "clear", "normal", "enlarged", "is", "are", "no", "the", "there", "small", "left", "right"),
    *("pleural", "effusion", "pneumothorax", "opacity", "lower", "upper", "lobe", "size", "in", "of", "fracture"),
    *("edema", "and", "mildly"),
)
VOCABULARY = [*SPECIAL_TOKENS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *WORDS, *PROMPT_TOKENS]
SENTENCES = (
    "The heart is enlarged.",
    "There is a small left pleural effusion.",
    "Right lower lobe opacity.",
    "No pneumothorax.",
    "The lungs are clear.",
    "The heart is normal in size.",
    "There is a fracture of the left clavicle.",
    "No pleural effusion.",
)


def tiny_weights(seed: int = 0, *, indications: bool = False) -> Weights:
    """The tiny network in evaluation mode; its decoder is drawn wide, so that no two tokens nearly tie."""
    torch.manual_seed(seed)
    tokenizer = ReportTokenizer(VOCABULARY)
    network = DiffRGenNet(tiny(len(tokenizer))).eval()
    if indications:
        network.read_indications()
    with torch.no_grad():
        for parameter in network.decoder.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    return Weights(network, ViewClassifier().eval(), tokenizer, {}, "0" * 64)


def write_bert(directory: Path, seed: int = 5, **changes: int) -> Path:
    """A BERT directory that the tiny network fits, one layer deeper, with more pieces than reports use."""
    pieces = [piece for piece in VOCABULARY if piece not in PROMPT_TOKENS] + ["unused", "##used"]
    torch.manual_seed(seed)
    bert = BertModel(BertConfig(**{**tiny(len(pieces)).decoder, "num_hidden_layers": 3, **changes}))
    directory.mkdir(exist_ok=True)
    save_file(bert.state_dict(), directory / "model.safetensors")
    (directory / "vocab.txt").write_text("\n".join(pieces) + "\n")
    return directory


def random_features(network: DiffRGenNet, batch: int, seed: int = 0) -> ImageFeatures:
    """Features of `batch` studies; the odd ones have no lateral image."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (batch, 2, 256, 256), generator=generator, dtype=torch.uint8)
    mask = torch.ones(batch, 2, dtype=torch.bool)
    mask[1::2, 1] = False
    with torch.no_grad():
        features: ImageFeatures = network.encoder(pixels, mask)
    return features


def random_reports(network: DiffRGenNet, batch: int, seed: int = 0) -> torch.Tensor:
    """Unit vectors (B, N, d_retrieval)."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(batch, network.config.retrieved, network.config.d_retrieval, generator=generator)
    return torch.nn.functional.normalize(vectors, dim=-1)


def target_ids(tokenizer: ReportTokenizer, states: torch.Tensor, texts: list[str]) -> torch.Tensor:
    """[DEC] s_1 .. s_14 report [SEP], padded."""
    rows = [
        [tokenizer.begin, *(tokenizer.states[i] for i in row), *tokenizer.encode(text, 100), tokenizer.end]
        for row, text in zip(states.tolist(), texts, strict=True)
    ]
    assert len(rows[0]) > PREFIX_LENGTH
    return pad(rows)[0]


def random_samples(count: int, seed: int = 0, name: str = "patient") -> list[Sample]:
    """Samples of noise with two or three sentences each; every fourth has no lateral image."""
    rng = np.random.default_rng(seed)
    samples = []
    for index in range(count):
        pixels = list(rng.integers(0, 256, (2, 256, 256), dtype=np.uint8))
        if index % 4 == 3:
            pixels[1] = None
        text = " ".join(rng.permutation(SENTENCES)[: rng.integers(2, 4)])
        samples.append(make_sample(f"{name}-{index}", f"{name}-{index}", pixels, text, ""))
    return samples


def random_films(
    count: int, positive: Collection[int] | None = (), known: Collection[int] | None = range(14), seed: int = 0
) -> list[LabelledImage]:
    """Images of noise without a report, of which these findings are positive and known; None: some at random."""
    rng = np.random.default_rng(seed)

    def flags(chosen: Collection[int] | None, share: float) -> np.ndarray:
        return rng.random(14) < share if chosen is None else np.isin(np.arange(14), list(chosen))

    def film(name: str) -> LabelledImage:
        pixels = rng.integers(0, 256, (2, 256, 256), dtype=np.uint8)
        return LabelledImage(name, name, pixels, np.array([True, False]), flags(positive, 0.3), flags(known, 0.9))

    return [film(f"film-{number}") for number in range(count)]
