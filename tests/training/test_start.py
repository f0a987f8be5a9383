from dataclasses import replace
from pathlib import Path

import pytest
import torch
from builders.network import VOCABULARY, random_samples, write_bert
from builders.resnet import tiny_state
from builders.training import train_options
from safetensors.torch import load_file, save_file

import cxrreport.training.start as module
from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.model.bert import bert_sha256
from cxrreport.model.config import PROMPT_TOKENS, SIZES
from cxrreport.training.pretrained import encoder_sha256
from cxrreport.training.start import make_start

SAMPLES = random_samples(8)


@pytest.fixture(autouse=True)
def _no_packages(monkeypatch):
    """As where none of the packages is installed."""

    def missing():
        raise ConfigurationError("Training from scratch needs a package.")

    for name in ("load_imagenet", "load_vocabulary", "minilm_directory"):
        monkeypatch.setattr(module, name, missing)


@pytest.fixture()
def files(tmp_path):
    """An encoder and a BERT for the tiny network."""
    save_file(tiny_state(), tmp_path / "encoder.safetensors")
    return {"encoder_weights": tmp_path / "encoder.safetensors", "bert": write_bert(tmp_path / "bert")}


def _options(**changes):
    return train_options(Path("/out"), **changes)


def test_encoder_and_bert_of_files_are_what_the_network_starts_from(files):
    start = make_start(_options(**files), SAMPLES, "cpu")
    stem = start.network.encoder.state_dict()["backbone.embedder.embedder.convolution.weight"]
    assert torch.equal(stem, tiny_state()["conv1.weight"])
    theirs = load_file(files["bert"] / "model.safetensors")
    pieces = (files["bert"] / "vocab.txt").read_text().splitlines()
    row = theirs["embeddings.word_embeddings.weight"][pieces.index("heart")]
    query = "encoder.layer.1.attention.self.query.weight"
    for bert in (start.network.retrieval.text, start.network.decoder.lm.bert):
        words = bert.embeddings.word_embeddings.weight
        assert torch.equal(words[start.tokenizer.vocabulary.index("heart")], row)
        assert torch.equal(bert.state_dict()[query], theirs[query])
    encoder, bert = encoder_sha256(files["encoder_weights"]), bert_sha256(files["bert"])
    assert start.origin == f"the encoder weights {encoder}, the BERT {bert}" and start.views is None
    vocabulary = start.tokenizer.vocabulary
    assert not {"unused", "##used", "mildly"} & {*vocabulary}
    assert vocabulary[-len(PROMPT_TOKENS) :] == [*PROMPT_TOKENS]


def test_a_piece_of_two_patients_is_not_in_the_vocabulary(files):
    few = make_start(_options(**files), SAMPLES[:2], "cpu").tokenizer.vocabulary
    assert "heart" not in few and "h" in few


def test_what_indications_need_is_in_the_vocabulary_where_they_are_read(files):
    told = [replace(sample, indication="unused") for sample in SAMPLES]
    with_them, without = (make_start(_options(**files, indication=read), told, "cpu") for read in (True, False))
    assert "unused" in with_them.tokenizer.vocabulary and "unused" not in without.tokenizer.vocabulary
    assert with_them.network.indication is not None and without.network.indication is None


@pytest.mark.parametrize("option", ["encoder_weights", "bert"])
def test_what_no_file_is_given_for_is_random(files, monkeypatch, option):
    monkeypatch.setattr(module, "load_vocabulary", lambda: VOCABULARY)
    origin = make_start(_options(**{option: files[option]}), SAMPLES, "cpu").origin
    words = {"encoder_weights": ["random numbers", "word pieces of MiniLM"], "bert": ["random numbers"]}
    assert all(word in origin for word in words[option]) and ("MiniLM" in origin) == (option != "bert")


@pytest.mark.parametrize("size", ["tiny", "base", "mini"])
def test_packages_are_what_mini_starts_from_and_the_others_from_random_numbers(monkeypatch, size):
    filled = []
    monkeypatch.setattr(module, "SIZES", dict.fromkeys(SIZES, SIZES["tiny"]))  # quick to build
    monkeypatch.setattr(module, "load_vocabulary", lambda: VOCABULARY)
    monkeypatch.setattr(module, "load_imagenet", lambda: "tensors")
    monkeypatch.setattr(module, "minilm_directory", lambda: "directory")
    monkeypatch.setattr(module, "load_torchvision_mobilenet", lambda _, tensors: filled.append(tensors))
    monkeypatch.setattr(module, "load_bert", lambda _, directory, __: filled.append(directory))
    origin = make_start(_options(size=size), SAMPLES, "cpu").origin
    assert filled == (["tensors", "directory"] if size == "mini" else [])
    expected = {"mini": "MobileNetV2 (ImageNet-1k, BSD-3), MiniLM-L6 (Apache-2.0)"}
    assert origin == expected.get(size, "random numbers, word pieces of MiniLM-L6 (Apache-2.0)")


def test_a_bert_of_another_width_is_refused(tmp_path):
    bert = write_bert(tmp_path / "bert", hidden_size=16)
    with pytest.raises(WeightsError, match="does not fit the size") as caught:
        make_start(_options(bert=bert), SAMPLES, "cpu")
    assert caught.value.code == "weights.shape"
