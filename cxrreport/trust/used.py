"""What the next run drafts with: a record of other weights, or of another calibration, is not theirs."""

from __future__ import annotations

from typing import NamedTuple

from cxrreport.model.calibration import Calibration
from cxrreport.model.manifest import NETWORK, default_directory, read_manifest, weights_sha256
from cxrreport.settings import Settings


class Used(NamedTuple):
    """Digests; that of the calibration is None where the network's own scores stand for probabilities."""

    weights_sha256: str
    calibration_sha256: str | None


def in_use(settings: Settings) -> Used:
    """What the next run drafts with.

    Raises
    ------
    WeightsError : manifest or calibration are missing or damaged.
    """
    directory = settings.weights or default_directory()
    manifest = read_manifest(directory)
    own = Calibration.own(settings.home, manifest["files"][NETWORK]) or Calibration.shipped(directory, manifest)
    return Used(weights_sha256(manifest), own.sha256 if own else None)
