"""Identifiers of what leaves the house: made of what is told, so that the same thing has the same one at every export."""

from __future__ import annotations

import hashlib


def derive_uid(*parts: object) -> str:
    """Return a DICOM UID of the parts, "2.25." and 128 bits of their SHA-256 (PS3.5 B.2)."""
    told = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return f"2.25.{int.from_bytes(hashlib.sha256(told).digest()[:16])}"
