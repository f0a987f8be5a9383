"""Reports taken out of every version of the index: they must not be found again, nor lie in an older version."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np

from cxrreport.errors import IndexFitError
from cxrreport.retrieval import publish
from cxrreport.retrieval.build import Base, build, open_index
from cxrreport.retrieval.segment import Ids
from cxrreport.retrieval.versions import read_manifest, segment_file, storage_errors

_ALL = 1_000_000


def versions_with(home_index: Path, report_ids: Collection[int]) -> list[str]:
    """Versions that hold one of the reports, or cannot be read."""
    ids = np.array(sorted(report_ids), np.int64)
    return [version for version in publish.versions(home_index) if len(ids) and _holds(home_index / version, ids)]


def _holds(folder: Path, ids: Ids) -> bool:
    """Is one of the ids in a file of the version, even in a row that no longer holds?"""
    try:
        manifest = read_manifest(folder)
        segments = [segment for space in manifest.spaces.values() for segment in space.segments]
        files = [folder / segment_file(segment, "rows") for segment in segments]
        return any(bool(np.isin(ids, np.load(f, mmap_mode="r", allow_pickle=False)[:, 0]).any()) for f in files)
    except (OSError, ValueError, IndexError, IndexFitError):
        return True


def remove_reports(home_index: Path, report_ids: Collection[int]) -> list[str]:
    """Publish the serving version anew without these reports, and remove every version that holds one; returns those.

    Where nothing is left, or the serving version is damaged, none serves until the index is built again.

    Raises
    ------
    StorageError : the folder cannot be written. LockedError : a build is at work.
    """
    touched = versions_with(home_index, report_ids)
    if not touched:
        return touched
    with suppress(IndexFitError):
        if publish.current(home_index) in touched:
            _publish_without(home_index, np.array(sorted(report_ids), np.int64))
    with storage_errors(home_index), publish.lock(home_index):
        with suppress(IndexFitError):
            if publish.current(home_index) in touched:
                (home_index / "CURRENT").unlink()
        for version in touched:
            publish.remove(home_index, version)
    return touched


def _publish_without(home_index: Path, ids: Ids) -> None:
    index = open_index(home_index)
    if index is not None:
        facts, base = index.manifest, Base(index, dict.fromkeys(index.spaces, ids), erase=True)
        build(home_index, [], model_sha256=facts.model_sha256, source=facts.source, keep=_ALL, base=base)
