"""The command line on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from builders.tool import Tool


@pytest.fixture(params=["sqlite", "postgresql"])
def any_tool(request: pytest.FixtureRequest, tool: Tool) -> Tool:
    """The command line on SQLite, then on PostgreSQL."""
    if request.param == "postgresql":
        template = request.getfixturevalue("postgres_template")
        tool.db = request.getfixturevalue("new_postgres")(template)
    return tool
