import copy

import pytest
import torch
from torch.nn import functional as F

from cxrreport.model.config import mini
from cxrreport.model.encoder import ImageEncoder, fold_norms, load_torchvision_mobilenet, normalise


def test_normalise_is_imagenet_statistics():
    films = torch.full((2, 2, 56, 56), 255, dtype=torch.uint8)
    found = normalise(films, 56)
    assert found.shape == (2, 2, 3, 56, 56)
    white = [(1 - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
    assert found[1, 0, :, 7, 9].tolist() == pytest.approx(white, rel=1e-5)
    assert normalise(torch.zeros(1, 256, 256, dtype=torch.uint8), 56).shape == (1, 3, 56, 56)


def test_patches_are_row_major_frontal_first(network):
    films = torch.randint(0, 256, (1, 2, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        both = network.encoder(films, torch.tensor([[True, True]]))
        frontal = network.encoder(films, torch.tensor([[True, False]]))
        plain = network.encoder.backbone(normalise(films[:, 0], 56)).last_hidden_state  # (1, C, 7, 7)
    assert torch.allclose(both.patches[:, :49], frontal.patches[:, :49], atol=1e-5)
    assert torch.allclose(frontal.patches[0, 3 * 7 + 5], plain[0, :, 3, 5], atol=1e-5)
    assert (frontal.patches[:, 49:] == 0).all() and frontal.patch_mask[0].tolist() == [True] * 49 + [False] * 49


def test_pooled_is_the_mean_of_the_views_there_are(network):
    films = torch.randint(0, 256, (1, 2, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    masks = ([True, True], [True, False], [False, True])
    with torch.no_grad():
        both, frontal, lateral = (network.encoder(films, torch.tensor([m])).pooled for m in masks)
    assert torch.allclose(both, (frontal + lateral) / 2, atol=1e-5)


# -- torchvision's MobileNetV2, spelled out from its architecture: expansion, channels, repeats, stride ---------------

_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def _convolutions():
    """(name of the convolution, name of its norm, shape, stride, groups, relu, begins block, residual) in order."""
    yield "features.0.0", "features.0.1", (32, 3, 3, 3), 2, 1, True, False, False
    width, index = 32, 1
    for expansion, out, repeats, first_stride in _BLOCKS:
        for repeat in range(repeats):
            stride, hidden = (first_stride if repeat == 0 else 1), width * expansion
            name, at, begins = f"features.{index}.conv", 0, True
            if expansion != 1:
                yield f"{name}.0.0", f"{name}.0.1", (hidden, width, 1, 1), 1, 1, True, True, False
                at, begins = 1, False
            yield f"{name}.{at}.0", f"{name}.{at}.1", (hidden, 1, 3, 3), stride, hidden, True, begins, False
            residual = stride == 1 and width == out
            yield f"{name}.{at + 1}", f"{name}.{at + 2}", (out, hidden, 1, 1), 1, 1, False, False, residual
            width, index = out, index + 1
    yield "features.18.0", "features.18.1", (1280, 320, 1, 1), 1, 1, True, False, False


def _torchvision_state():
    generator = torch.Generator().manual_seed(0)
    state = {}
    for conv, norm, shape, *_ in _convolutions():
        fan_in = shape[1] * shape[2] * shape[3]
        state[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        state[f"{norm}.weight"] = torch.rand(shape[0], generator=generator) + 0.5
        state[f"{norm}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
        state[f"{norm}.running_mean"] = torch.randn(shape[0], generator=generator) * 0.1
        state[f"{norm}.running_var"] = torch.rand(shape[0], generator=generator) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    state["classifier.1.weight"], state["classifier.1.bias"] = torch.zeros(1000, 1280), torch.zeros(1000)
    return state


def _reference(state, x):
    """Forward pass of torchvision's MobileNetV2 features by its state dict."""
    entry = x
    for conv, norm, shape, stride, groups, relu, begins, residual in _convolutions():
        entry = x if begins else entry
        x = F.conv2d(x, state[f"{conv}.weight"], stride=stride, padding=shape[-1] // 2, groups=groups)
        names = ("running_mean", "running_var", "weight", "bias")
        x = F.batch_norm(x, *(state[f"{norm}.{name}"] for name in names), eps=1e-5)
        x = F.relu6(x) if relu else x
        x = x + entry if residual else x
    return x


@pytest.fixture(scope="module")
def mobilenet():
    return ImageEncoder(mini(50)).eval()


@torch.no_grad()
def test_torchvision_mobilenet_computes_the_same_here(mobilenet):
    state = _torchvision_state()
    load_torchvision_mobilenet(mobilenet, state)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    expected = _reference(state, x)
    found = mobilenet.backbone(x).last_hidden_state
    assert expected.std() > 0.01
    assert torch.allclose(found, expected, atol=1e-3 * expected.abs().max().item())


def _wrong_shape(state):
    state["features.0.0.weight"] = torch.zeros(32, 3, 5, 5)


def _one_too_few(state):
    del state["features.18.1.bias"]


def _another_network(state):
    for key in list(state):
        if key.startswith("features."):
            state[key.replace("features.", "layers.")] = state.pop(key)


@pytest.mark.parametrize("damage", [_wrong_shape, _one_too_few, _another_network])
def test_other_tensors_are_refused_and_nothing_is_loaded(mobilenet, damage):
    state = _torchvision_state()
    damage(state)
    before = {k: v.clone() for k, v in mobilenet.backbone.state_dict().items()}
    with pytest.raises(ValueError, match="torchvision"):
        load_torchvision_mobilenet(mobilenet, state)
    assert all(torch.equal(v, before[k]) for k, v in mobilenet.backbone.state_dict().items())


def test_the_gradient_of_one_film_is_that_of_two_alike():
    encoder = ImageEncoder(mini(100)).eval()
    film, mask = torch.randint(0, 256, (1, 2, 256, 256), dtype=torch.uint8), torch.tensor([[True, False]])
    weights, first = torch.randn(1280), next(encoder.parameters())

    def gradient(count):
        features = encoder(film.repeat(count, 1, 1, 1), mask.repeat(count, 1))
        return torch.autograd.grad((features.pooled @ weights).mean(), first)[0]

    assert torch.allclose(gradient(1), gradient(2), rtol=1e-2, atol=1e-4 * gradient(2).abs().max().item())


def test_without_norms_features_are_the_same(network):
    folded = copy.deepcopy(network.encoder)
    for layer in folded.modules():  # statistics of a network that has learnt
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(generator=torch.Generator().manual_seed(1)).mul_(0.1)
            layer.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    plain = copy.deepcopy(folded)
    fold_norms(folded)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules())
    films = torch.randint(0, 256, (2, 2, 256, 256), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    there = torch.tensor([[True, True], [True, False]])
    with torch.no_grad():
        before, after = plain(films, there), folded(films, there)
    assert torch.allclose(before.patches, after.patches, atol=1e-4) and torch.allclose(
        before.pooled, after.pooled, atol=1e-4
    )
