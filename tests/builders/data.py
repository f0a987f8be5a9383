"""Real data for tests, read in place: `CXRREPORT_TEST_DATA`, or the folder beside the repository."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CXRREPORT_TEST_DATA", ROOT.parent / "shared" / "data"))


def data(*parts: str) -> Path:
    """Return a place in the real data; skip the test where it is absent."""
    place = DATA.joinpath(*parts)
    if not place.exists():
        pytest.skip(f"no {'/'.join(parts)} among the test data")
    return place
