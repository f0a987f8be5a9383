"""`metrics.jsonl` of a run: a line of facts for each step, each epoch once however often the run was killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Key = tuple[Any, Any]  # stage and epoch


class MetricsLog:
    """Appends to the file; what is there already is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        content = path.read_bytes() if path.exists() else b""
        self._torn = bool(content) and not content.endswith(b"\n")  # a kill in the middle of a line
        lines = content.decode("utf-8", errors="replace").splitlines()
        self._key = {key for line in lines if (key := _key(line)) is not None}

    def add(self, facts: dict[str, Any]) -> None:
        """Append a line, unless it is of an epoch that has one."""
        key = (facts.get("stage"), facts.get("epoch"))
        if "epoch" in facts and key in self._key:
            return
        self._key.add(key)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(("\n" if self._torn else "") + json.dumps(facts) + "\n")
        self._torn = False


def _key(line: str) -> Key | None:
    """Stage and epoch of a whole line; None for anything else."""
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return (facts.get("stage"), facts.get("epoch")) if isinstance(facts, dict) else None
