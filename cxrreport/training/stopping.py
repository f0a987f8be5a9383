"""A signal that ends a training is heard after the step in hand, so that what is learnt until then can be saved."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cxrreport.engine.signals import signals_kept
from cxrreport.model.together import world
from cxrreport.training.ranks import any_of


class Stopping:
    """Hears SIGINT and SIGTERM within `listening`; a second one ends the process at once.

    Not one of several: whoever stops those, tells them and torchrun, which tells them again.
    """

    def __init__(self) -> None:
        self._heard = 0

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self._heard and world() == 1:
            os._exit(128 + number)
        self._heard = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        """For the time of an epoch. Only the main thread can; elsewhere nobody listens."""
        with signals_kept(self._hear):
            yield

    def asked(self) -> bool:
        """Whether a process of the training has heard one: all leave after the same step."""
        return any_of(bool(self._heard))

    @property
    def exit_code(self) -> int:
        """Of the signal; another process's counts as SIGTERM."""
        return 128 + (self._heard or signal.SIGTERM)
