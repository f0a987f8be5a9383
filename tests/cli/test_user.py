"""Who does it where the system knows no user, as in a container with a bare number."""

from __future__ import annotations

import getpass
from typing import NoReturn

import pytest
from builders.tool import Tool


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that does not know the user."""

    def unknown() -> NoReturn:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", unknown)


@pytest.mark.usefixtures("nobody")
def test_what_is_recorded_asks_who_and_what_is_only_shown_does_not(drafted: Tool) -> None:
    assert drafted("trust", "drift") == 0 and drafted("trust", "gates") == 0
    set_gate = ("trust", "gates", "--set", "edema", "state", "open", "--reason", "x")
    asked = (
        set_gate,
        ("trust", "drift", "--acknowledge", "1", "--reason", "x"),
        ("review", "A101", "--status", "accepted"),
    )
    for command in asked:
        assert drafted(*command) == 2 and "--by" in drafted.err, command
    assert drafted(*set_gate, "--by", "Dr. X") == 0
