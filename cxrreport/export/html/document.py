"""A self-contained document: templates, styles and scripts of this package, with a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cxrreport import DISCLAIMER, __version__
from cxrreport.export.panels import colour_of
from cxrreport.findings import percent

_HERE = "cxrreport.export.html"


@cache
def environment() -> Environment:
    """The templates; whatever they are given is escaped."""
    loader = PackageLoader(_HERE, "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(key=key_of, colour=colour_of, percent=percent, plain=_plain)
    made.globals.update(disclaimer=DISCLAIMER, version=__version__)
    return made


def key_of(finding: str) -> str:
    """What ties words, boxes and rows of a finding together in a page."""
    return finding.replace(" ", "-")


def _plain(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)


def render(template: str, styles: Sequence[str], scripts: Sequence[str], foot: str = "", **values: Any) -> bytes:
    """Fill a template that extends `base.html`.

    foot : words at the foot of each printed sheet, beside the disclaimer. styles, scripts : files of `static/` that stand
    in the document. The browser runs and applies nothing else: the policy (Content Security Policy Level 3) names their
    digests, and allows no address but pictures in the document.
    """
    margins = _margin("bottom-center", DISCLAIMER) + _margin("bottom-left", foot)
    style, script = _joined(tuple(styles)) + margins, _joined(tuple(scripts))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    given = {"policy": policy, "style": Markup(style), "script": Markup(script)}
    return environment().get_template(template).render(given, **values).encode()


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(files(_HERE).joinpath("static", name).read_text("utf-8") for name in names)


def _margin(box: str, words: str) -> str:
    """A rule for print (CSS Paged Media, 5.1); whatever is no plain letter or figure is escaped, so that words stay words."""
    escaped = "".join(sign if sign.isascii() and sign.isalnum() else f"\\{ord(sign):x} " for sign in words)
    return f'@page {{ @{box} {{ content: "{escaped}"; }} }}\n' if words else ""


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
