import pytest
import torch

from cxrreport.training.descent import mixed_precision


def test_matrices_are_multiplied_in_bf16_on_the_cpu():
    layer = torch.nn.Linear(4, 4)
    with mixed_precision(torch.device("cpu")):
        made = layer(torch.ones(1, 4))
    assert made.dtype is torch.bfloat16 and layer.weight.dtype is torch.float32


@pytest.mark.parametrize("able", [True, False])
def test_a_gpu_without_bf16_computes_in_float32(monkeypatch, able):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able and not including_emulation)
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: asked.append((kind, dtype, enabled)))
    mixed_precision(torch.device("cuda:0"))
    assert asked == [("cuda", torch.bfloat16, able)]
