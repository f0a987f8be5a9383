"""The calibration that the last fit took the place of: it is kept beside the new one, one step back, and can be taken back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cxrreport.errors import UsageError, WeightsError
from cxrreport.files import atomic, sync
from cxrreport.model.calibration import CALIBRATION, Calibration

_BEFORE = "calibration.before.json"


def keep(directory: Path) -> None:
    """Copy the calibration of a directory aside, if it has one, before another takes its place: a kill between loses none."""
    present = directory / CALIBRATION
    if present.exists():
        with atomic(directory / _BEFORE, present.stat().st_mode & 0o777) as file:
            file.write_bytes(present.read_bytes())


def drop(directory: Path) -> None:
    """Remove the one that is kept, where another than it was the last to serve."""
    (directory / _BEFORE).unlink(missing_ok=True)


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
        raise _other("The calibration before this one")
    return found


def check_present(directory: Path, network: str) -> None:
    """Check that the calibration that is to go is of `network`; a damaged one is of none, and may go.

    Raises
    ------
    UsageError : it fits another network.
    """
    with suppress(WeightsError):
        if Calibration.load(directory / CALIBRATION).network != network:
            raise _other("The last fit")


def _other(what: str) -> UsageError:
    return UsageError(f"{what} fits other weights than those in use; nothing was changed.", "calibration.network")


def take_back(directory: Path) -> None:
    """Let the one that is kept take the place of the present one."""
    os.replace(directory / _BEFORE, directory / CALIBRATION)
    sync(directory)
