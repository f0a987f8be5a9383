"""Lesions of known severity inserted into a real frontal image, and removed again by leaving them out.

Everything is added in attenuation (see `chest` for the curve). The same seed gives a lesion the same shape at every
severity, so two severities of it are the same lesion grown or shrunk. Fractures are not inserted.
"""

from __future__ import annotations

from collections.abc import Sequence

from cxrreport.phantoms.canvas import Layer
from cxrreport.phantoms.inserted.attenuation import AttenuationMap
from cxrreport.phantoms.inserted.chest import Chest, show
from cxrreport.phantoms.painters import PAINTERS
from cxrreport.phantoms.patient import Lesion

# Pixels over which a change is averaged before it is located: these move ribs and vessels with what matters.
MOVING = {"cardiomegaly": 4.0, "enlarged cardiomediastinum": 4.0, "atelectasis": 2.5}
_ORDER = list(PAINTERS)


def insert(chest: Chest, lesions: Sequence[Lesion], seed: int) -> Layer:
    """Grey values 0..1, float32 (256, 256), of a surveyed image with lesions of `PAINTERS`; none gives the image itself.

    `seed` is the patient's: it shapes the lesions.
    """
    target = AttenuationMap(chest, chest.attenuation, seed)
    for lesion in sorted(lesions, key=lambda one: _ORDER.index(one.finding)):
        PAINTERS[lesion.finding](target, lesion)
    return show(chest, target.values)
