"""What made a draft, as DICOM names it: a device is another one as soon as its weights or its calibration are others."""

from __future__ import annotations

from datetime import datetime

from highdicom import ContributingEquipment
from highdicom.sr import (
    AlgorithmIdentification,
    DeviceObserverIdentifyingAttributes,
    ObservationContext,
    ObserverContext,
)
from pydicom.sr.codedict import codes

from cxrreport import DISCLAIMER, __version__
from cxrreport.drafts import Provenance
from cxrreport.export.uids import derive_uid

NAME = "cxrreport"


def device_uid(provenance: Provenance) -> str:
    """UID of the device, made of the digests of weights and calibration."""
    return derive_uid("device", provenance.weights_sha256, provenance.calibration_sha256 or "")


def equipment(provenance: Provenance) -> dict[str, str]:
    """General Equipment of our objects, as keywords of highdicom; the serial number is the beginning of the weights' digest."""
    return {
        "manufacturer": NAME,
        "manufacturer_model_name": NAME,
        "device_serial_number": provenance.weights_sha256[:16],
        "software_versions": __version__,
    }


def contribution(provenance: Provenance, made_at: datetime) -> ContributingEquipment:
    """The item of the Contributing Equipment Sequence; `made_at` is in UTC."""
    item = ContributingEquipment(
        NAME,
        codes.DCM.ProcessingEquipment,
        manufacturer_model_name=NAME,
        software_versions=__version__,
        device_serial_number=provenance.weights_sha256[:16],
        contribution_datetime=f"{made_at:%Y%m%d%H%M%S}+0000",
        contribution_description=DISCLAIMER,
    )
    item.DeviceUID = device_uid(provenance)
    return item


def observer(provenance: Provenance) -> ObservationContext:
    """A device observed, no person (TID 1001, 1004)."""
    named = DeviceObserverIdentifyingAttributes(
        device_uid(provenance), NAME, NAME, NAME, provenance.weights_sha256[:16]
    )
    return ObservationContext(observer_device_context=ObserverContext(codes.DCM.Device, named))


def algorithm(provenance: Provenance) -> AlgorithmIdentification:
    """Name, version and everything that the draft depends on (TID 4019)."""
    calibration = provenance.calibration_sha256
    return AlgorithmIdentification(
        name=NAME,
        version=__version__,
        family=codes.DCM.ArtificialIntelligence,
        parameters=[
            f"weights sha256 {provenance.weights_sha256}",
            f"calibration sha256 {calibration}" if calibration else "no calibration: the network's own scores",
            f"index {provenance.index_version}" if provenance.index_version else "no index: retrieval was off",
            f"preprocessing {provenance.preprocess_version}",
            f"inputs sha256 {provenance.inputs_sha256}",
        ],
    )
