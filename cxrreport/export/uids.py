"""Identifiers of what leaves the house: made of what is told, so that the same thing has the same one at every export."""

from __future__ import annotations

import hashlib


def joined(*parts: object) -> bytes:
    """The parts as one text, for a digest."""
    return "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")


def uid_of(digest: bytes) -> str:
    """Return a DICOM UID, "2.25." and the first 128 bits of a digest (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(digest[:16])}"


def derive_uid(*parts: object) -> str:
    """Return the DICOM UID of the SHA-256 of the parts."""
    return uid_of(hashlib.sha256(joined(*parts)).digest())
