from types import SimpleNamespace

import pytest
import torch
from builders.network import tiny_weights
from torch import nn

from cxrreport.model.drafter import Drafter
from cxrreport.model.packing import PackedLinear, can_pack, pack_linear

CPU = torch.device("cpu")
needs_packing = pytest.mark.skipif(not can_pack(CPU), reason="no library that packs for this processor")


@needs_packing
@torch.inference_mode()
def test_weights_of_half_precision_lose_nothing():
    layer, x = nn.Linear(48, 20), torch.randn(3, 5, 48)
    layer.weight.copy_(layer.weight.half())
    packed = nn.Sequential(nn.Sequential(layer), nn.ReLU())
    expected = packed(x)
    pack_linear(packed)
    assert isinstance(packed[0][0], PackedLinear)
    assert torch.allclose(packed(x), expected, atol=1e-6)


@needs_packing
def test_a_packed_drafter_has_no_plain_layer_in_its_decoder_and_another_part_stays_as_it_was():
    drafter = Drafter(tiny_weights())
    drafter.pack()
    kinds = {type(module) for module in drafter.network.decoder.modules()}
    assert PackedLinear in kinds and nn.Linear not in kinds
    assert isinstance(drafter.network.classifier.linear, nn.Linear)


def test_nothing_is_packed_for_a_gpu_or_where_the_library_is_not(monkeypatch):
    assert not can_pack(torch.device("cuda:0"))
    monkeypatch.setattr(torch.backends, "quantized", SimpleNamespace(supported_engines=["qnnpack"]))
    drafter = Drafter(tiny_weights())
    drafter.pack()
    assert not any(isinstance(module, PackedLinear) for module in drafter.network.modules())
