"""What all ways of sending share: one object in, one answer out, and nothing of a server's own words."""

from __future__ import annotations

import ssl
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from cxrreport.errors import ConfigurationError, UnavailableError
from cxrreport.export.send.targets import Target
from cxrreport.settings import Settings

REFUSED, UNCLEAR = "send.refused", "send.answer"
UNREACHABLE, DENIED = "send.unreachable", "send.denied"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an object.

    text : codes of the standard and words of ours: a server's own text may name the patient.
    code : "" where the target has taken it, else `REFUSED`, or `UNCLEAR` where nobody knows.
    """

    text: str
    code: str = ""


class Sender(AbstractContextManager[Any]):
    """Sends to one target. It connects when the first object is sent."""

    @abstractmethod
    def send(self, content: bytes) -> Answer:
        """Send one object.

        Raises
        ------
        UnavailableError : `UNREACHABLE`, which may pass, or `DENIED`, which will not by itself.
        """

    def __exit__(self, *error: object) -> None:
        """Nothing is open between two objects."""


def unreachable(target: Target, why: str) -> UnavailableError:
    """The target gives no answer; `why` is of our own words."""
    return UnavailableError(f"{target.name} {why}.", UNREACHABLE)


def denied(target: Target, why: str) -> UnavailableError:
    """The target wants nothing of us at all."""
    return UnavailableError(f"{target.name} {why}.", DENIED)


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return what checks a target's certificate and host name, and shows ours where one is asked for.

    Raises
    ------
    ConfigurationError : a file of `send_ca` or `send_certificate` cannot be used.
    """
    with _usable("send_ca"):
        context = ssl.create_default_context(cafile=settings.send_ca)
    if settings.send_certificate:
        with _usable("send_certificate"):
            context.load_cert_chain(settings.send_certificate)
    return context


@contextmanager
def _usable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError:  # ssl.SSLError is one
        raise ConfigurationError(f"The PEM file of the setting `{name}` cannot be used.", "send.certificate") from None
