"""What lies in the beam: layers of tissue in cm and of bone and metal in attenuation, summed by `attenuation`.

Beer-Lambert: the detector sees the sum over components of path length times linear attenuation. A lesion changes the
layers, so what it adds can be measured as the difference of two sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cxrreport.phantoms.canvas import Canvas, Layer, Stroke, ramp
from cxrreport.phantoms.patient import Lesion, Patient, shape_rng
from cxrreport.phantoms.target import Lung

MU_SOFT = 0.16  # per cm of water at chest energies, scatter included
LUNG_TISSUE = 0.23  # share of the lung's volume that is not air
SIGN = {"right": -1.0, "left": 1.0}  # the patient's right is at the left of a frontal image
INNER, FRONT, BACK = 0.090, 0.49, 0.755  # borders of the lungs at mid height, from the midline and from the side
DEEPER = 0.05  # by this the posterior costophrenic angle lies below the lateral one
METAL = 1.1  # attenuation of a device


@dataclass
class Scene:
    """Layers of one image, each float32 of shape (side, side); some are kept for each lung. See `Target`."""

    canvas: Canvas
    patient: Patient
    view: str  # "frontal" or "lateral"
    body: Layer  # cm of soft tissue if there were no air
    draw_cavity: Callable[[Canvas, Patient, str, float], Layer]  # cm of pleural cavity; last: lift of the diaphragm
    draw_central: Callable[[Canvas, Patient, float, float], Layer]  # cm of heart and mediastinum; enlarged, widened
    wall: dict[str, Layer]  # distance inwards from the chest wall, image fractions
    floor: dict[str, Layer]  # height below the hemidiaphragm (> 0) or above it
    share: dict[str, Layer]  # part of `central` that each lung gives way to; sums to 1 at the midline
    vessels: dict[str, Layer]  # cm of blood in lung vessels
    bones: Layer  # attenuation
    upon: Layer  # attenuation of what is neither bone nor lung: gas (< 0), lines, devices
    grown: dict[str, float] = field(default_factory=dict)  # by finding, by how much the central shadow grew
    cavity: dict[str, Layer] = field(init=False)
    central: Layer = field(init=False)  # cm that heart and mediastinum take from the cavity
    tissue: dict[str, Layer] = field(init=False)  # share of non-air in the cavity

    def __post_init__(self) -> None:
        self.cavity = {side: self.draw_cavity(self.canvas, self.patient, side, 0.0) for side in SIGN}
        self.tissue = {side: np.full_like(cavity, LUNG_TISSUE) for side, cavity in self.cavity.items()}
        self.central = self.draw_central(self.canvas, self.patient, 0.0, 0.0)

    def free(self, side: str) -> Layer:
        """Cm of cavity that heart and mediastinum leave to the lung."""
        left: Layer = np.maximum(self.cavity[side] - self.central * self.share[side], 0)
        return left

    def attenuation(self) -> Layer:
        """Sum along the beam, natural-log units; 0 in air."""
        total = MU_SOFT * self.body + self.bones + self.upon
        for side in SIGN:
            free = self.free(side)
            blood = np.minimum(self.vessels[side], free)
            total -= MU_SOFT * (free - blood) * (1 - np.clip(self.tissue[side], 0, 1))
        return np.maximum(total, 0)

    def lung(self, name: str) -> Lung:
        """See `Target`."""
        apex, dome = self.patient.top(name), self.patient.dome(name)
        low = dome + self.patient.angle_depth
        inner, outer, outward = FRONT, BACK, 1.0
        if self.view == "frontal":
            outward, half = SIGN[name], self.patient.half_width(np.float32((apex + dome) / 2), name)
            inner, outer = 0.5 + outward * INNER, 0.5 + outward * float(half)
        else:
            low += DEEPER
        region, pleura = ramp(self.free(name) - 0.5, 3.0), ramp(self.cavity[name] - 0.4, 0.8)
        return Lung(
            name, outward, region, pleura, self.wall[name], self.floor[name], apex, dome, low, inner, outer
        )  # fmt: skip

    def rng(self, lesion: Lesion, side: str = "") -> np.random.Generator:
        """See `Target`: the same on every visit and in both views, whatever the severity."""
        return shape_rng(self.patient.seed, lesion, side)

    def fill(self, lung: Lung, share: Layer, keep: float = 0.0, dense: Layer | float = 0.0) -> None:
        """See `Target`; bones are a layer of their own, which always shows."""
        tissue = self.tissue[lung.name]
        self.tissue[lung.name] = tissue + (1 - tissue) * np.clip(share, 0, 1)

    def add(self, lung: Lung, thickness: Layer) -> None:
        """See `Target`."""
        self.upon = self.upon + MU_SOFT * thickness

    def mark(self, lung: Lung, layer: Layer) -> None:
        """See `Target`."""
        self.upon = self.upon + layer * self.share[lung.name]

    def empty(self, lung: Lung, share: Layer) -> None:
        """See `Target`."""
        for layers in (self.vessels, self.tissue):
            layers[lung.name] = layers[lung.name] * (1 - share)

    def congest(self, lung: Lung, growth: float) -> None:
        """See `Target`."""
        self.vessels[lung.name] = self.vessels[lung.name] * np.float32(1 + growth)

    def lift(self, lung: Lung, height: float) -> None:
        """See `Target`."""
        raised = self.draw_cavity(self.canvas, self.patient, lung.name, height)
        self.cavity[lung.name] = np.minimum(self.cavity[lung.name], raised)
        self.floor[lung.name] = self.floor[lung.name] + np.float32(height)

    def widen(self, finding: str, severity: float) -> None:
        """See `Target`; heart and mediastinum grow together with what already made them grow."""
        self.grown[finding] = 0.25 + 0.75 * severity
        grown = [self.grown.get(name, 0.0) for name in ("cardiomegaly", "enlarged cardiomediastinum")]
        self.central = self.draw_central(self.canvas, self.patient, *grown)

    def place_devices(self, strokes: Sequence[Stroke], bend: tuple[float, float]) -> None:
        """See `Target`; a phantom has the build that devices are laid for, so none is bent."""
        self.upon = self.upon + self.canvas.strokes(strokes, blur=0.0015) * np.float32(METAL)
