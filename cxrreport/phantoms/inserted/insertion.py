"""Lesions of known severity inserted into a real frontal film, and removed again by leaving them out.

Everything is added in attenuation (see `training.chest` for the film's curve). The same seed gives a lesion the same
shape at every severity, so two severities of it are the same lesion grown or shrunk. Fractures are not inserted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cxrreport.phantoms.canvas import Layer
from cxrreport.phantoms.inserted.central_lesions import insert_devices, insert_heart, insert_mediastinum
from cxrreport.phantoms.inserted.chest import Chest, show
from cxrreport.phantoms.inserted.lung_lesions import (
    insert_atelectasis,
    insert_consolidation,
    insert_edema,
    insert_nodule,
    insert_opacity,
)
from cxrreport.phantoms.inserted.plate import Plate
from cxrreport.phantoms.inserted.pleural_lesions import insert_effusion, insert_pneumothorax, insert_thickening
from cxrreport.phantoms.patient import Lesion

# In the order in which they act: shapes first, then what fills or displaces the lung, then what lies upon it.
INSERTERS: dict[str, Callable[[Plate, Lesion], None]] = {
    "cardiomegaly": insert_heart,
    "enlarged cardiomediastinum": insert_mediastinum,
    "atelectasis": insert_atelectasis,
    "lung opacity": insert_opacity,
    "consolidation": insert_consolidation,
    "pneumonia": insert_consolidation,
    "edema": insert_edema,
    "lung lesion": insert_nodule,
    "pneumothorax": insert_pneumothorax,
    "pleural effusion": insert_effusion,
    "pleural other": insert_thickening,
    "support devices": insert_devices,
}
# Pixels over which a change is averaged before it is located: these move ribs and vessels with what matters.
MOVING = {"cardiomegaly": 4.0, "enlarged cardiomediastinum": 4.0, "atelectasis": 2.5}
_ORDER = list(INSERTERS)


def insert(chest: Chest, lesions: Sequence[Lesion], seed: int) -> Layer:
    """Grey values 0..1, float32 (256, 256), of a surveyed film with lesions of `INSERTERS`; none gives the film itself.

    `seed` is the patient's: it shapes the lesions.
    """
    plate = Plate(chest, chest.weight, seed)
    for lesion in sorted(lesions, key=lambda one: _ORDER.index(one.finding)):
        INSERTERS[lesion.finding](plate, lesion)
    return show(chest, plate.weight)
