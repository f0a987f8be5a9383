"""A real browser that opens files, reaches no network, and tells what went wrong in a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders.programs import need


@contextmanager
def started() -> Iterator[Any]:
    """Start Debian's Chromium without a window, through playwright; skip the test where it is absent."""
    program = need("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page (of playwright), what it complained of, and what it asked the network for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def watched(browser: Any, place: Path, width: int = 1280, **options: Any) -> Iterator[Watched]:
    """Open a file in a profile of its own; `options` are playwright's, such as `color_scheme`."""
    options = {"viewport": {"width": width, "height": width * 9 // 16}, "offline": True} | options
    context = browser.new_context(**options)
    seen = Watched(context.new_page())
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.goto(place.as_uri())
    yield seen
    context.close()
