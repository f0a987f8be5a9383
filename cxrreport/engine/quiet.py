"""What a library that starts processes of its own must leave alone: the network beyond this machine, and our signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

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


@contextmanager
def signals_kept() -> Iterator[None]:
    """Give a run its handlers back: Ray takes over SIGTERM where it starts and stops."""
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
