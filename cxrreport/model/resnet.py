"""torchvision's ResNet weights for Hugging Face's `ResNetModel`: the same tensors under other names."""

from __future__ import annotations

import re

from torch import Tensor

from cxrreport.model.encoder import ImageEncoder

_STEM = {"conv1": "embedder.embedder.convolution", "bn1": "embedder.embedder.normalization"}
_BLOCK = re.compile(
    r"layer(?P<stage>[1-4])\.(?P<block>\d+)\.(?:(?P<kind>conv|bn)(?P<number>[123])|downsample\.(?P<part>[01]))"
)
_KINDS = {"conv": "convolution", "bn": "normalization", "0": "convolution", "1": "normalization"}


def huggingface_name(name: str) -> str | None:
    """Name in HF's `ResNetModel` of a tensor of torchvision's ResNet; None for what is no part of it (`fc`).

    >>> huggingface_name("layer3.22.bn2.running_var")
    'encoder.stages.2.layers.22.layer.1.normalization.running_var'
    >>> huggingface_name("layer2.0.downsample.0.weight")
    'encoder.stages.1.layers.0.shortcut.convolution.weight'
    """
    module, _, tensor = name.rpartition(".")
    if module in _STEM:
        return f"{_STEM[module]}.{tensor}"
    found = _BLOCK.fullmatch(module)
    if found is None:
        return None
    layer = f"encoder.stages.{int(found['stage']) - 1}.layers.{found['block']}"
    if found["part"] is not None:
        return f"{layer}.shortcut.{_KINDS[found['part']]}.{tensor}"
    return f"{layer}.layer.{int(found['number']) - 1}.{_KINDS[found['kind']]}.{tensor}"


def load_torchvision_resnet(encoder: ImageEncoder, state: dict[str, Tensor]) -> None:
    """Copy the state dict of torchvision's ResNet into an encoder of the same depth; its `fc` is left out.

    Old files without `num_batches_tracked` are fine: the counter plays no part at a fixed momentum.

    Raises
    ------
    ValueError : when a tensor is missing, too many or of another shape; nothing has been copied then.
    """
    own = encoder.backbone.state_dict()
    given = {huggingface_name(key) or key: value for key, value in state.items() if not key.startswith("fc.")}
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    wrong = (own.keys() - counters - given.keys()) | (given.keys() - own.keys())
    wrong |= {key for key in own.keys() & given.keys() if own[key].shape != given[key].shape}
    if wrong:
        raise ValueError(f"These are not the tensors of torchvision's ResNet of this depth: {len(wrong)} do not fit.")
    encoder.backbone.load_state_dict({**own, **given})
