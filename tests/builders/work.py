"""What workers do in the tests of the engines: it can be named in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from cxrreport.errors import InputError, WeightsError


def make() -> Callable[[int | str], object]:
    """Doubles numbers; words tell what shall befall the worker."""

    def do(item: int | str) -> object:
        if item == "die":
            os._exit(1)
        if item == "bad":
            raise InputError("It is bad.", "pixels.malformed")
        if item == "defect":
            raise ZeroDivisionError("a name")
        if item == "threads":
            return os.environ["OMP_NUM_THREADS"]
        time.sleep(0.02)
        return 2 * int(item)

    return do


def make_nothing() -> Callable[[int | str], object]:
    """A worker that lacks its weights."""
    raise WeightsError("A file of the weights cannot be read.", "weights.missing")
