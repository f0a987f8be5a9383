"""The calibration that the last fit took the place of: it is kept beside the new one, one step back, and can be taken back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cxrreport.errors import UsageError
from cxrreport.files import sync
from cxrreport.model.calibration import CALIBRATION, Calibration

_BEFORE = "calibration.before.json"


def keep(directory: Path) -> None:
    """Put the calibration of a directory aside, if it has one, before another takes its place."""
    with suppress(FileNotFoundError):
        os.replace(directory / CALIBRATION, directory / _BEFORE)


def kept(directory: Path, network: str) -> Calibration | None:
    """The calibration that is kept; None where there is none.

    Raises
    ------
    UsageError : it fits another network than `network`. WeightsError : it is damaged.
    """
    if not (directory / _BEFORE).exists():
        return None
    found = Calibration.load(directory / _BEFORE)
    if found.network != network:
        raise UsageError(
            "The calibration before this one fits other weights than those in use; nothing was changed.",
            "calibration.network",
        )
    return found


def take_back(directory: Path) -> None:
    """Let the one that is kept take the place of the present one."""
    os.replace(directory / _BEFORE, directory / CALIBRATION)
    sync(directory)
