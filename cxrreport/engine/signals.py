"""SIGINT and SIGTERM, taken over for a while."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_kept(heard: Callable[[int, FrameType | None], object] | None = None) -> Iterator[None]:
    """Give both signals their handlers back when the block ends, whoever has taken them over in it.

    heard : hears them in the block. Only the main thread can take signals over: elsewhere nothing is done.
    """
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        if heard is not None:
            for number in _SIGNALS:
                signal.signal(number, heard)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
