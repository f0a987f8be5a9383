"""David Clunie's validator of DICOM objects (`dciodvfy` of dicom3tools)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DCIODVFY = Path(sys.executable).parent / "dciodvfy"


def errors(path: Path) -> list[str]:
    """The errors that `dciodvfy` finds in one object; its warnings, of private codes and newer attributes, are none."""
    done = subprocess.run([DCIODVFY, path], capture_output=True, check=False)
    told = (done.stdout + done.stderr).decode("latin-1").splitlines()
    return [line for line in told if line.startswith("Error")]
