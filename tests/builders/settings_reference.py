"""docs/settings.md, from the settings themselves; `make docs` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from cxrreport.settings import Settings

INTRODUCTION = """# The settings

Written by `make docs`; a test holds it equal to the code.

A setting comes from its default, a TOML file (`--config`), its variable and its flag; what comes later wins. In the
file a setting has the name of the first column; an unknown name is refused. `columns`, `hl7_codes` and
`send_credentials` are tables of TOML, and JSON in their variables. The flags of each command: [cli.md](cli.md).

| setting | variable | default | meaning |
|---|---|---|---|"""


def reference() -> str:
    """Return docs/settings.md as it must be."""
    return "\n".join([INTRODUCTION, *rows()]) + "\n"


def rows() -> Iterator[str]:
    """One row of the table for each setting, in the order of the code."""
    prefix = Settings.model_config["env_prefix"]
    for name, field in Settings.model_fields.items():
        yield f"| `{name}` | `{prefix}{name.upper()}` | {default(field)} | {field.description} |"


def default(field: FieldInfo) -> str:
    """Return the default as TOML writes it; what depends on the machine or is unset, in words."""
    if field.default_factory is dict:
        return "none"
    if field.default_factory is not None:
        return "the user's data directory"
    return "none" if field.default is None else f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201
