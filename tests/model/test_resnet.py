import pytest
import torch
from builders.resnet import WIDTHS, reference, torchvision_state

from cxrreport.model.config import DiffRGenNetConfig
from cxrreport.model.encoder import ImageEncoder
from cxrreport.model.resnet import huggingface_name, load_torchvision_resnet


def encoder_of(kind, depths, divide):
    widths = [width // divide for width in WIDTHS[kind]]
    backbone = {
        "model_type": "resnet", "embedding_size": 64 // divide, "hidden_sizes": widths, "depths": list(depths),
        "layer_type": kind,
    }  # fmt: skip
    return ImageEncoder(DiffRGenNetConfig(encoder=backbone, encoder_width=widths[-1])).eval()


@pytest.mark.parametrize(("kind", "depths"), [("bottleneck", (1, 2, 3, 1)), ("basic", (2, 1, 1, 2))])
@torch.no_grad()
def test_a_small_resnet_computes_the_same_here(kind, depths):
    encoder, state = encoder_of(kind, depths, 8), torchvision_state(kind, depths, 8)
    load_torchvision_resnet(encoder, state)
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    expected = reference(state, kind, depths, 8, x)
    found = encoder.backbone(x).last_hidden_state
    assert expected.std() > 0.01 and found.shape == (2, WIDTHS[kind][-1] // 8, 2, 3)
    assert torch.allclose(found, expected, atol=1e-4 * expected.abs().max().item())


def test_files_of_old_without_counters_load():
    state = torchvision_state("basic", (1, 1, 1, 1), 8)
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    encoder = encoder_of("basic", (1, 1, 1, 1), 8)
    load_torchvision_resnet(encoder, old)
    assert torch.equal(encoder.backbone.state_dict()["embedder.embedder.convolution.weight"], state["conv1.weight"])


def test_only_fc_has_no_place():
    names = torchvision_state("bottleneck", (3, 4, 23, 3), 8)
    assert [name for name in names if huggingface_name(name) is None] == ["fc.weight", "fc.bias"]
    mapped = [huggingface_name(name) for name in names if not name.startswith("fc.")]
    assert len(set(mapped)) == len(mapped)


def _missing(state):
    del state["layer2.0.downsample.0.weight"]


def _another_shape(state):
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"][:, :1]


def _deeper(state):
    state["layer4.1.conv1.weight"] = state["layer4.0.conv1.weight"]


def _another_network(state):
    state["features.0.weight"] = state.pop("conv1.weight")


@pytest.mark.parametrize("damage", [_missing, _another_shape, _deeper, _another_network])
def test_other_tensors_are_refused_and_nothing_is_loaded(damage):
    encoder, state = encoder_of("basic", (1, 1, 1, 1), 8), torchvision_state("basic", (1, 1, 1, 1), 8)
    damage(state)
    before = {key: value.clone() for key, value in encoder.backbone.state_dict().items()}
    with pytest.raises(ValueError, match="torchvision's ResNet"):
        load_torchvision_resnet(encoder, state)
    assert all(torch.equal(value, before[key]) for key, value in encoder.backbone.state_dict().items())
