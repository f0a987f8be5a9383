"""What a network starts from: weights to fine-tune, or a vocabulary of its own with an encoder and a BERT of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from cxrreport.datasets.sample import Sample
from cxrreport.model.ablations import ablate
from cxrreport.model.bert import bert_sha256, load_bert, read_vocabulary
from cxrreport.model.config import SIZES
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.model.encoder import load_torchvision_mobilenet
from cxrreport.model.prior import PriorReader
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.tokens import ReportTokenizer, prune_vocabulary
from cxrreport.model.upright import UprightNetwork
from cxrreport.model.variants import build_network
from cxrreport.model.views import ViewClassifier
from cxrreport.model.weights import Weights, load_weights
from cxrreport.training.options import TrainOptions
from cxrreport.training.pretrained import (
    IMAGENET,
    MINILM,
    encoder_sha256,
    load_encoder,
    load_imagenet,
    load_vocabulary,
    minilm_directory,
)

_PRETRAINED = "mini"  # the size that the weights of the Python packages fit
_RANDOM = "random numbers"


@dataclass(frozen=True, slots=True)
class Start:
    """A network on its device, its tokenizer, the view classifier where there is one, and in words where it comes from.

    temporal, prior : what compares a study with its prior, and reads it, where the network that they have learnt on stays
    as it is; upright : how images lie, which hangs on no network; cards : what their manifest says of these three.
    """

    network: DiffRGenNet
    tokenizer: ReportTokenizer
    views: ViewClassifier | None
    origin: str
    temporal: TemporalNetwork | None = None
    prior: PriorReader | None = None
    cards: dict[str, Any] = field(default_factory=dict)
    upright: UprightNetwork | None = None


def make_start(options: TrainOptions, samples: Sequence[Sample], device: str) -> Start:
    """Load the weights of `--init`, or build a network for the texts of the samples.

    Raises
    ------
    ConfigurationError : names the package to install. WeightsError : tensors that cannot be read or do not fit.
    """
    if options.init:
        weights = load_weights(options.init, device)
        known = f"the weights {weights.sha256[:12]}"
        if options.recipe.indication:
            weights.network.read_indications()
            torch.nn.Module.to(weights.network, device)
        if options.recipe.trains_network:
            cards = _cards(weights, "upright")
            return Start(weights.network, weights.tokenizer, weights.views, known, cards=cards, upright=weights.upright)
        kept, cards = (weights.temporal, weights.prior), _cards(weights, "temporal", "prior", "upright")
        return Start(weights.network, weights.tokenizer, weights.views, known, *kept, cards, weights.upright)
    vocabulary = _choose_vocabulary(options, samples)
    recipe = options.recipe
    config = SIZES[recipe.size](len(vocabulary))
    config.reads_indication = recipe.indication
    network = build_network(ablate(config, recipe.ablation) if recipe.ablation else config)
    origin = [_fill_encoder(network, options), *_fill_language(network, options, vocabulary)]
    torch.nn.Module.to(network, device)
    return Start(network, ReportTokenizer(vocabulary), None, ", ".join(dict.fromkeys(origin)))


def _cards(weights: Weights, *parts: str) -> dict[str, Any]:
    return {name: weights.manifest[name] for name in parts if name in weights.manifest}


def _choose_vocabulary(options: TrainOptions, samples: Sequence[Sample]) -> list[str]:
    pieces = read_vocabulary(options.bert) if options.bert else load_vocabulary()
    texts = [(s.patient, text) for s in samples for text in (s.target, s.summary, s.report)]
    if options.recipe.indication:
        texts += [(s.patient, s.indication) for s in samples]
    return prune_vocabulary(pieces, texts)


def _fill_encoder(network: DiffRGenNet, options: TrainOptions) -> str:
    """Copy what there is for it; returns where it comes from."""
    if options.encoder_weights:
        load_encoder(network.encoder, options.encoder_weights)
        return f"the encoder weights {encoder_sha256(options.encoder_weights)}"
    if options.recipe.size != _PRETRAINED:
        return _RANDOM
    load_torchvision_mobilenet(network.encoder, load_imagenet())
    return IMAGENET


def _fill_language(network: DiffRGenNet, options: TrainOptions, vocabulary: Sequence[str]) -> list[str]:
    """Copy what there is for text tower and decoder; returns where they come from."""
    if options.bert:
        load_bert(network, options.bert, vocabulary)
        return [f"the BERT {bert_sha256(options.bert)}"]
    if options.recipe.size != _PRETRAINED:
        return [_RANDOM, f"word pieces of {MINILM}"]
    load_bert(network, minilm_directory(), vocabulary)
    return [MINILM]
