"""Programs that some tests need and a machine may lack."""

from __future__ import annotations

import shutil

import pytest


def need(name: str) -> str:
    """Return the path of a program; without it the test is skipped, and the reason told."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found
