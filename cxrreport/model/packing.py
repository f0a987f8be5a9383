"""Linear layers for drafting on a CPU: their weights packed in half precision, the products summed in single precision.

A step of the decoder has few rows, so that a CPU spends it on reading weights. `save_weights` stores them in half precision:
packing loses nothing of them, and only the order of sums is another one. The weights of a decoder that reads priors, which
are sums themselves, are rounded (docs/model.md, Speed).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PackedLinear(nn.Module):
    """Stands for a linear layer; it cannot learn, be copied or be saved."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self._packed = torch.ops.quantized.linear_prepack_fp16(layer.weight.detach(), layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., columns) -> (..., rows) of the layer's weights."""
        found: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._packed)
        return found


def can_pack(device: torch.device) -> bool:
    """Whether the library for it (FBGEMM) knows this processor."""
    return device.type == "cpu" and "fbgemm" in torch.backends.quantized.supported_engines


def pack_linear(module: nn.Module) -> None:
    """Put packed layers in the place of all linear ones within."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, PackedLinear(child))
        else:
            pack_linear(child)
