"""What lies in the beam: layers of tissue in cm and of bone and metal in attenuation, summed by `attenuation`.

Beer-Lambert: the film sees the sum over components of path length times linear attenuation. A lesion changes the
layers, so what it adds can be measured as the difference of two sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer
from cxrreport.phantoms.patient import Patient

MU_SOFT = 0.16  # per cm of water at chest energies, scatter included
LUNG_TISSUE = 0.23  # share of the lung's volume that is not air
SIGN = {"right": -1.0, "left": 1.0}  # the patient's right is at the left of a frontal film


@dataclass
class Scene:
    """Layers of one film, each float32 of shape (side, side); cavity, tissue and wall are kept for each lung."""

    canvas: Canvas
    patient: Patient
    view: str  # "frontal" or "lateral"
    body: Layer  # cm of soft tissue if there were no air
    cavity: dict[str, Layer]  # cm of pleural cavity
    wall: dict[str, Layer]  # distance inwards from the chest wall, film fractions
    floor: dict[str, Layer]  # height below the hemidiaphragm (> 0) or above it
    central: Layer  # cm that heart and mediastinum take from the cavity
    share: dict[str, Layer]  # part of `central` that each lung gives way to; sums to 1 at the midline
    vessels: dict[str, Layer]  # cm of blood in lung vessels
    bones: Layer  # attenuation
    tissue: dict[str, Layer] = field(default_factory=dict)  # share of non-air in the cavity
    soft: Layer | None = None  # attenuation of what is neither bone nor metal: gas and pleural lines
    metal: Layer | None = None

    def __post_init__(self) -> None:
        for side, cavity in self.cavity.items():
            self.tissue.setdefault(side, np.full_like(cavity, LUNG_TISSUE))

    @property
    def grid(self) -> tuple[Layer, Layer]:
        """Film coordinates of every pixel."""
        return self.canvas.grid

    def free(self, side: str) -> Layer:
        """Cm of cavity that heart and mediastinum leave to the lung."""
        left: Layer = np.maximum(self.cavity[side] - self.central * self.share[side], 0)
        return left

    def lung(self, side: str) -> Layer:
        """Attenuation that the air of one lung takes away (>= 0)."""
        free, tissue = self.free(side), np.clip(self.tissue[side], 0, 1)
        blood = np.minimum(self.vessels[side], free)
        air: Layer = MU_SOFT * np.maximum(free - blood, 0) * (1 - tissue)
        return air

    def attenuation(self) -> Layer:
        """Sum along the beam, natural-log units; 0 in air."""
        total = MU_SOFT * self.body + self.bones
        for side in self.cavity:
            total -= self.lung(side)
        for layer in (self.soft, self.metal):
            if layer is not None:
                total += layer
        return np.maximum(total, 0)

    def fill(self, side: str, share: Layer) -> None:
        """Replace a share (0..1) of one lung's air by fluid."""
        tissue = self.tissue[side]
        self.tissue[side] = tissue + (1 - tissue) * np.clip(share, 0, 1)

    def add_soft(self, layer: Layer) -> None:
        """Add soft-tissue attenuation (may be negative: gas)."""
        self.soft = layer if self.soft is None else self.soft + layer

    def add_metal(self, layer: Layer) -> None:
        """Add a device."""
        self.metal = layer if self.metal is None else self.metal + layer
