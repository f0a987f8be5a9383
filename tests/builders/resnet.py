"""torchvision's ResNet spelled out: names and shapes of its state dict, and its forward pass by functions alone."""

from __future__ import annotations

import torch
from torch.nn import functional as F

# torchvision's layer widths at the end of each stage, for bottleneck (50, 101) and basic (18, 34) blocks
WIDTHS = {"bottleneck": (256, 512, 1024, 2048), "basic": (64, 128, 256, 512)}


def convolutions(kind, depths, divide=1):
    """(name, shape, stride) of torchvision's convolutions block by block; the stem first, downsample last."""
    stem, width = 64 // divide, 64 // divide
    yield [("conv1", "bn1", (stem, 3, 7, 7), 2)]
    for stage, (out, depth) in enumerate(zip(WIDTHS[kind], depths, strict=True)):
        out //= divide
        for block in range(depth):
            stride = 2 if stage and block == 0 else 1
            name = f"layer{stage + 1}.{block}"
            inner = out // 4
            if kind == "bottleneck":
                plan = [((inner, width, 1, 1), 1), ((inner, inner, 3, 3), stride), ((out, inner, 1, 1), 1)]
            else:
                plan = [((out, width, 3, 3), stride), ((out, out, 3, 3), 1)]
            found = [(f"{name}.conv{i + 1}", f"{name}.bn{i + 1}", *conv) for i, conv in enumerate(plan)]
            if stride == 2 or width != out:
                found.append((f"{name}.downsample.0", f"{name}.downsample.1", (out, width, 1, 1), stride))
            yield found
            width = out


def torchvision_state(kind, depths, divide=1, values=True):
    """State dict with torchvision's names and shapes, `fc` included."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator) if values else torch.zeros(shape)

    state = {}
    for block in convolutions(kind, depths, divide):
        for conv, norm, shape, _ in block:
            state[f"{conv}.weight"] = draw(*shape) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
            state[f"{norm}.weight"], state[f"{norm}.bias"] = draw(shape[0]) * 0.1 + 0.7, draw(shape[0]) * 0.1
            state[f"{norm}.running_mean"], state[f"{norm}.running_var"] = (
                draw(shape[0]) * 0.1,
                draw(shape[0]).abs() + 0.5,
            )
            state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    return {**state, "fc.weight": draw(1000, WIDTHS[kind][-1] // divide), "fc.bias": draw(1000)}


def tiny_state(seed=0):
    """What the encoder of the tiny network takes: the first two stages of a ResNet of basic blocks, an eighth as wide."""
    state = torchvision_state("basic", (1, 1, 1, 1), 8)
    kept = {name: value for name, value in state.items() if not name.startswith(("layer3", "layer4"))}
    return {name: value + seed if value.is_floating_point() else value for name, value in kept.items()}


def reference(state, kind, depths, divide, x):
    """torchvision's forward pass without pooling and fc, by functions alone."""

    def conv_norm(x, conv, norm, shape, stride):
        x = F.conv2d(x, state[f"{conv}.weight"], stride=stride, padding=shape[-1] // 2)
        names = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{norm}.{name}"] for name in names), eps=1e-5)

    stem, *blocks = convolutions(kind, depths, divide)
    x = F.max_pool2d(F.relu(conv_norm(x, *stem[0])), 3, stride=2, padding=1)
    for block in blocks:
        short = [c for c in block if "downsample" in c[0]]
        long = [c for c in block if "downsample" not in c[0]]
        entry = conv_norm(x, *short[0]) if short else x
        for conv in long[:-1]:
            x = F.relu(conv_norm(x, *conv))
        x = F.relu(conv_norm(x, *long[-1]) + entry)
    return x
