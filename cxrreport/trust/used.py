"""What the next run drafts with: a record of other weights, or of another calibration, is not theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

from cxrreport.drafts import MadeWith
from cxrreport.model.calibration import Calibration
from cxrreport.model.manifest import NETWORK, default_directory, read_manifest, weights_sha256
from cxrreport.settings import Settings


class Calibrations(NamedTuple):
    """The manifest of the weights in use, the calibration in use, and the one that comes with the weights."""

    manifest: dict[str, Any]
    used: Calibration | None
    shipped: Calibration | None


def calibrations(settings: Settings) -> Calibrations:
    """Read them; that of the archive is in use before the shipped one.

    Raises
    ------
    WeightsError : manifest or calibration are missing or damaged.
    """
    directory = settings.weights or default_directory()
    manifest = read_manifest(directory)
    shipped = Calibration.shipped(directory, manifest)
    return Calibrations(manifest, Calibration.own(settings.home, manifest["files"][NETWORK]) or shipped, shipped)


def in_use(settings: Settings) -> MadeWith:
    """What the next run drafts with; raises as `calibrations`."""
    manifest, used, _ = calibrations(settings)
    return MadeWith(weights_sha256(manifest), used.sha256 if used else None)
