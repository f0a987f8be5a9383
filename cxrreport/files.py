"""Files of a run that are written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, facts: Any, indent: int | None = None) -> None:
    """Write facts beside the file, then put them in its place, so that a kill leaves the old one or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(facts, indent=indent) + "\n", encoding="utf-8")
    os.replace(temporary, path)
