"""HL7 v2 by MLLP (HL7 Minimal Lower Layer Protocol, release 1): a message, and its acknowledgement checked.

`hl7.client` is not used: it knows no time limit, no TLS and no IPv6, and takes half an answer for a whole one.
"""

from __future__ import annotations

import socket
import ssl
import time

import hl7

from cxrreport.export.send.protocol import REFUSED, UNCLEAR, Answer, Sender, denied, tls_context, unreachable
from cxrreport.export.send.targets import Target
from cxrreport.settings import Settings

_START, _END = b"\x0b", b"\x1c\r"
_TAKEN, _NOT_TAKEN = ("AA", "CA"), ("AE", "AR", "CE", "CR")  # MSA-1, table HL70008
_LONGEST = 1 << 16  # bytes of an acknowledgement


class MllpSender(Sender):
    """Sends each message on a connection of its own, so that the end of one never leaves a message in doubt."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self._target, self._timeout_s = target, settings.send_timeout_s
        self._tls = tls_context(settings) if target.tls else None

    def send(self, content: bytes) -> Answer:
        """Send a message and read what the receiver says of it."""
        message = content.strip(_START + _END) + b"\r"
        try:
            with self._connect() as connection:
                connection.sendall(_START + message + _END)
                said = _receive(connection, time.monotonic() + self._timeout_s)
        except ssl.SSLCertVerificationError:
            raise denied(self._target, "shows a certificate that is not trusted (setting `send_ca`)") from None
        except OSError:
            raise unreachable(self._target, "does not answer") from None
        if said is None:
            raise unreachable(self._target, "has closed the connection without a whole answer")
        return _read(said, _control_id(message))

    def _connect(self) -> socket.socket:
        connection = socket.create_connection((self._target.host, self._target.port), self._timeout_s)
        return self._tls.wrap_socket(connection, server_hostname=self._target.host) if self._tls else connection


def _receive(connection: socket.socket, end: float) -> bytes | None:
    """Read one frame; None where the connection ends before it does. Raises TimeoutError, OSError."""
    said = b""
    while _END not in said and len(said) < _LONGEST:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        part = connection.recv(4096)
        if not part:
            return None
        said += part
    return said.partition(_END)[0]


def _control_id(message: bytes) -> str:
    """MSH-10."""
    return str(hl7.parse(message.decode()).segment("MSH")[10])


def _read(said: bytes, control_id: str) -> Answer:
    """Read MSA-1 and MSA-2. Of ERR nothing is kept: its texts may repeat what was sent."""
    try:
        segment = hl7.parse(said.strip(_START).decode("utf-8", "replace")).segment("MSA")
        code, answered = str(segment[1]).strip(), str(segment[2]).strip()
    except Exception:  # whatever the parser raises at what stands in place of an acknowledgement
        return Answer("no acknowledgement", UNCLEAR)
    if answered != control_id:
        return Answer("acknowledgement of another message", UNCLEAR)
    if code in _TAKEN:
        return Answer(code)
    return Answer(code, REFUSED) if code in _NOT_TAKEN else Answer("unknown acknowledgement", UNCLEAR)
