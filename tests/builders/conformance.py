"""What dciodvfy of dicom3tools finds wrong with a DICOM file."""

import subprocess
import sys
from pathlib import Path

import pytest


def errors_of(path: Path) -> list[str]:
    """Its lines of errors; skips the test where it is not installed. It prints Latin-1 beside what the file holds."""
    checker = Path(sys.executable).parent / "dciodvfy"
    if not checker.exists():
        pytest.skip("dicom3tools is not installed")
    result = subprocess.run([checker, path], capture_output=True, encoding="latin-1", check=False)
    return [line for line in (result.stdout + result.stderr).splitlines() if line.startswith("Error")]
