"""What lies in report folders and is plainly no report: documents, pictures, packed files, lists of checksums."""

from __future__ import annotations

import re
from pathlib import PurePath

_DOCUMENT = re.compile(
    r"(?:read[ _-]?me|licen[cs]es?|copying|copyright|notice|disclaimer|change[ _-]?log|contributing|contributors|authors"
    r"|citation|makefile|dockerfile|thumbs\.db|desktop\.ini)(?![a-z0-9])",
    re.IGNORECASE,
)
# With these a file named like a document goes by its content all the same.
_DATA_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".hl7", ".xml", ".dcm", ".rpt"})
_DOCUMENT_SUFFIXES = frozenset({".md", ".markdown", ".rst"})
# Asked only of files whose content tells nothing: an empty or cut picture is no report either.
SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".ico", ".jp2",
    ".pdf", ".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst",
    ".md5", ".sha1", ".sha256", ".sha512",
})  # fmt: skip
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"\x00\x00\x00\x0cjP  ")
_PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a", b"\x28\xb5\x2f\xfd")  # fmt: skip  # noqa: E501
_OFFICE_SUFFIXES = frozenset({".docx", ".xlsx", ".odt", ".ods"})  # packed too, and may well hold reports
_CHECKSUM = re.compile(r"[0-9a-f]{32,128} [ *]?\S.*|(?:MD5|SHA\d{1,3}) \(.+\) = [0-9a-f]{32,128}", re.IGNORECASE)


def is_document(path: PurePath) -> bool:
    """Does the name say README, licence, changelog or the like, or that the file is Markdown?"""
    suffix = path.suffix.lower()
    named = _DOCUMENT.match(path.name) is not None and suffix not in _DATA_SUFFIXES
    return named or suffix in _DOCUMENT_SUFFIXES


def is_binary(path: PurePath, data: bytes) -> bool:
    """Do the first bytes say picture or packed file? Documents of an office suite are not meant: they may be reports."""
    if data.startswith(_PICTURES) or data[257:262] == b"ustar":
        return True
    if (data[:2] == b"BM" and data[6:10] == bytes(4)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return True
    return data.startswith(_PACKED) and path.suffix.lower() not in _OFFICE_SUFFIXES


def is_checksums(text: str) -> bool:
    """Is every line but a last one that is cut off a checksum and a name?"""
    lines = text.splitlines()
    whole = lines[:-1] if len(lines) > 1 else lines
    return bool(whole) and all(_CHECKSUM.fullmatch(line) for line in whole)
