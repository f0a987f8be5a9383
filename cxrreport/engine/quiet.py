"""What a library that starts processes of its own must leave alone: the network beyond this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_CLOSED = "http://127.0.0.1:9"  # nobody listens at the port "discard"


@contextmanager
def nowhere() -> Iterator[None]:
    """Processes that are started in the block find no way out: Ray's ask clouds whether they are on one of theirs."""
    proxies = {name: _CLOSED for name in ("http_proxy", "https_proxy")}
    proxies |= {"no_proxy": "127.0.0.1,localhost"}
    proxies |= {name.upper(): value for name, value in proxies.items()}
    before = {name: os.environ.get(name) for name in proxies}
    os.environ.update(proxies)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
