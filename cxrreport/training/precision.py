"""Which arithmetic the steps of a training use."""

from __future__ import annotations

import torch


def mixed_precision(device: torch.device) -> torch.autocast:
    """bf16 autocast on the CPU and on GPUs that have it; older GPUs compute in float32, for float16 would need scaling.

    Weights, optimizer and losses stay in float32 everywhere.
    """
    able = device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able)
