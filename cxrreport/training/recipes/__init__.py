"""The recipes that are shipped, a TOML file each; a command line names them, and imports no network for that."""

from __future__ import annotations

from pathlib import Path


def shipped_recipes() -> dict[str, Path]:
    """The files by the names of their recipes."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
