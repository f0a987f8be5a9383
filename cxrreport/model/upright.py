"""A small classifier of how a frontal image lies: turned, mirrored, a negative, cropped. It is trained here, and read by
`imaging/upright.py` without torch, in the processes that decode images."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 64
WIDTHS = (1, 16, 24, 48, 64)
LIES = 16  # 8 * negative + 4 * mirrored + quarter turns
OUTPUTS = LIES + 2  # then: no frontal chest image; last, apart from these: cropped


class UprightNetwork(nn.Module):
    """Four strided convolutions on the image at 64 x 64, about 60,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width_in, width_out in pairwise(WIDTHS):
            layers += [nn.Conv2d(width_in, width_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width_out)]
            layers.append(nn.ReLU())
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(WIDTHS[-1] * (SIDE >> 4) ** 2, OUTPUTS)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (n, 18) of pixels (n, H, W) uint8: a softmax of the first 17, a sigmoid of the last."""
        grey = F.interpolate(pixels.unsqueeze(1).float() / 255, size=(SIDE, SIDE), mode="area") - 0.5
        logits: Tensor = self.linear(self.dropout(self.features(grey).flatten(1)))
        return logits

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by name, for `imaging.upright.Upright`."""
        return {name: value.detach().float().cpu().numpy() for name, value in self.state_dict().items()}
