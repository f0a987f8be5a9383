"""Which painter draws which finding, for phantoms and real radiographs alike."""

from __future__ import annotations

from collections.abc import Callable

from cxrreport.phantoms.devices import paint_devices
from cxrreport.phantoms.lung_lesions import (
    paint_atelectasis,
    paint_consolidation,
    paint_edema,
    paint_nodule,
    paint_opacity,
)
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.pleural_lesions import paint_effusion, paint_pneumothorax, paint_thickening
from cxrreport.phantoms.target import Target


def _widen(target: Target, lesion: Lesion) -> None:
    """A large heart or a wide mediastinum."""
    target.widen(lesion.finding, lesion.severity)


# In the order in which they must act: shapes first, then what fills or displaces the lung, then what lies upon it.
PAINTERS: dict[str, Callable[[Target, Lesion], None]] = {
    "cardiomegaly": _widen,
    "enlarged cardiomediastinum": _widen,
    "atelectasis": paint_atelectasis,
    "lung opacity": paint_opacity,
    "consolidation": paint_consolidation,
    "pneumonia": paint_consolidation,
    "edema": paint_edema,
    "lung lesion": paint_nodule,
    "pneumothorax": paint_pneumothorax,
    "pleural effusion": paint_effusion,
    "pleural other": paint_thickening,
    "support devices": paint_devices,
}
