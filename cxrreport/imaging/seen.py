"""What is seen of files that were never read: their headers, bad ones and those still being written among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from cxrreport.dicom.prefix import Unusual
from cxrreport.errors import InputError
from cxrreport.imaging.header import read_header, read_ordinary
from cxrreport.imaging.walk import has_changed
from cxrreport.records import FileEntry, Instance

Seen = Instance | InputError | Literal["growing"] | None  # a header, why it cannot be used, or no DICOM


def see_ordinary(entry: FileEntry, name_key: bytes) -> Seen:
    """Read one header in a bounded time. Raises Unusual where that is not enough."""
    try:
        found = read_ordinary(entry, name_key)
    except InputError as error:
        return _unless_changed(entry, error)
    if found is None:
        raise Unusual
    return _unless_changed(entry, found)


def see_all(max_dataset_mb: int, name_key: bytes, entries: Sequence[FileEntry]) -> Iterator[list[Seen]]:
    """Read headers, in order; yields the list of them. `max_dataset_mb` and `name_key` as in `read_header`."""
    yield [_see(entry, max_dataset_mb, name_key) for entry in entries]


def _see(entry: FileEntry, max_dataset_mb: int, name_key: bytes) -> Seen:
    try:
        return _unless_changed(entry, read_header(entry, max_dataset_mb, name_key))
    except InputError as error:
        return _unless_changed(entry, error)


def _unless_changed(entry: FileEntry, found: Instance | InputError | None) -> Seen:
    return "growing" if has_changed(entry) else found
