"""The headers of new files, in order, read in child processes while this one files what they read before.

A header is written by strangers: what makes the reader crash, or read without end, costs that file alone.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from itertools import chain, islice

from cxrreport.dicom.prefix import Unusual
from cxrreport.engine.stream import StreamEngine
from cxrreport.errors import HeaderError, InputError
from cxrreport.files import secret
from cxrreport.imaging.seen import Seen, see_all, see_ordinary
from cxrreport.pipeline.run import Run
from cxrreport.records import FileEntry
from cxrreport.store.engine import batches

NAME_KEY = "name.key"
# Files for which no more than one child is started, and that one for what is unusual: a child takes .5 s to start, a header
# .13 ms.
_FEW = 4000
_CHUNK = 50  # headers that a child reads and sends at once

Look = tuple[FileEntry, Seen]


def key_of_names(run: Run) -> bytes:
    """The key of the digests of names, made with the first header."""
    run.name_key = run.name_key or secret(run.settings.home / NAME_KEY)
    return run.name_key


def read_headers(run: Run, entries: Iterator[FileEntry]) -> Generator[Look]:
    """Yield each file with what is seen of it. Ends early where the run is cancelled.

    Of a few files the ordinary ones are read here, which is done before a child has started.
    """
    first = list(islice(entries, _FEW))
    if not first:
        return
    with _children(run, 1) as careful:
        if len(first) < _FEW:
            yield from _read_few(run, careful, first)
        else:
            yield from _read_many(run, careful, chain(first, entries))


def _children(run: Run, most: int) -> StreamEngine:
    settings = run.settings
    workers, cancelled = min(most, settings.workers), lambda: bool(run.cancelled)
    return StreamEngine(workers, settings.decode_timeout_s, settings.decode_memory_mb, HeaderError, cancelled)


def _read_few(run: Run, careful: StreamEngine, entries: Iterable[FileEntry]) -> Iterator[Look]:
    key = key_of_names(run)
    for entry in entries:
        if run.cancelled:
            return
        try:
            found = see_ordinary(entry, key)
        except Unusual:
            yield from _read_alone(run, careful, [entry])
        else:
            yield entry, found


def _read_many(run: Run, careful: StreamEngine, entries: Iterable[FileEntry]) -> Iterator[Look]:
    with _children(run, run.settings.workers) as children:
        for chunk, found in children.stream(_job(run), batches(entries, _CHUNK)):
            if run.cancelled:  # whoever stops the run may have stopped the children too: believe no error any more
                return
            if isinstance(found, InputError):  # one of them has cost the child
                yield from _read_alone(run, careful, chunk)
            else:
                yield from zip(chunk, found, strict=True)


def _read_alone(run: Run, careful: StreamEngine, entries: Iterable[FileEntry]) -> Iterator[Look]:
    for entry in entries:
        for _, found in careful.stream(_job(run), [[entry]]):
            if run.cancelled:
                return
            yield entry, found if isinstance(found, InputError) else found[0]


def _job(run: Run) -> partial[Iterator[list[Seen]]]:
    return partial(see_all, run.settings.max_dataset_mb, key_of_names(run))
