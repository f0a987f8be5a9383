"""Where drafts are sent: the URLs of `--send`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

from cxrreport.errors import UsageError

CALLING = "CXRREPORT"  # our AE title where the URL names no other
FORMATS = {"dicom": "sr", "dicom+tls": "sr", "http": "sr", "https": "sr", "mllp": "hl7", "mllps": "hl7"}
_PORTS = {"http": 80, "https": 443}  # the others have none that everybody uses
_TITLE = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")  # PS3.5 6.2, AE
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_PATH = re.compile(r"[\w./~%-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """One system that takes drafts.

    Attributes
    ----------
    name : the URL without what is ours to choose; it names the target in the database, and holds no secret.
    scheme : one of `FORMATS`. path : of a DICOMweb service. called, calling : AE titles of DICOM, else "".
    """

    name: str
    scheme: str
    host: str
    port: int
    path: str = ""
    called: str = ""
    calling: str = ""

    @property
    def format(self) -> str:
        """The format of the export that is sent there."""
        return FORMATS[self.scheme]

    @property
    def tls(self) -> bool:
        """What is sent is encrypted."""
        return self.scheme in ("dicom+tls", "https", "mllps")

    @property
    def place(self) -> str:
        """Host and port as the URL has them, which name its credentials."""
        return self.name.partition("://")[2].partition("/")[0]


def parse_target(url: str) -> Target:
    """Read a URL of `--send`.

    Raises
    ------
    UsageError : code "send.target": it is none, or holds a password. The message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        titles = _titles(parts)
    except (ValueError, KeyError):
        raise _bad() from None
    host = parts.hostname or ""
    web = parts.scheme in _PORTS
    if parts.scheme not in FORMATS or parts.fragment or not _HOST.fullmatch(host) or not _PATH.fullmatch(parts.path):
        raise _bad()
    if not web and parts.path not in ("", "/"):
        raise _bad()
    path = parts.path.rstrip("/") if web else ""
    authority = f"[{host}]" if ":" in host else host
    authority += f":{port}" if port != _PORTS.get(parts.scheme) else ""
    user = f"{titles[0]}@" if titles[0] else ""
    return Target(f"{parts.scheme}://{user}{authority}{path}", parts.scheme, host, port, path, *titles)


def _titles(parts: SplitResult) -> tuple[str, str]:
    """Called and calling AE title. Raises ValueError, UsageError."""
    if parts.password is not None or (parts.username is not None and not parts.scheme.startswith("dicom")):
        raise UsageError(
            "A target holds a user or a password, which everybody on this machine could read: put them into the"
            " setting `send_credentials`.",
            "send.target",
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    if not parts.scheme.startswith("dicom"):
        if options:
            raise ValueError
        return "", ""
    calling = options.pop("calling", CALLING)
    if options or not _TITLE.fullmatch(parts.username or "") or not _TITLE.fullmatch(calling):
        raise ValueError
    return parts.username or "", calling


def _bad() -> UsageError:
    return UsageError(
        "A target of --send cannot be read. It is dicom://CALLED_AET@HOST:PORT (with ?calling=AET where it must not be"
        f" {CALLING}), http://HOST/PATH of a DICOMweb service, or mllp://HOST:PORT; with TLS dicom+tls, https and mllps.",
        "send.target",
    )
