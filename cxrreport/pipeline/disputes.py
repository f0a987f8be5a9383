"""What one header cannot settle: two files of one image, and a study of which a file says something new."""

from __future__ import annotations

import filecmp
import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cxrreport.errors import HeaderError, InputError
from cxrreport.imaging.header import read_header, read_ordinary
from cxrreport.imaging.pixels import read_frame
from cxrreport.imaging.views import believed_view, screen
from cxrreport.imaging.walk import look_at
from cxrreport.pipeline.headers import key_of_names
from cxrreport.pipeline.run import Interrupted, Run
from cxrreport.records import Instance
from cxrreport.store import filing, identity, runs
from cxrreport.store.engine import apart

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A slow mount or a busy machine may be to blame: the file is looked at again.
TRANSIENT = (
    *("header.unreadable", "header.timeout", "header.memory", "header.crash"),
    *("pixels.unreadable", "pixels.timeout", "pixels.memory", "pixels.crash"),
)


def compare_files(run: Run, first: str, second: str, sop_uid: str) -> filing.Twins:
    """Compare two files of one image by their bytes, else by their pixels, which are read in child processes.

    Raises
    ------
    FileNotFoundError : the first one has moved, or another image lies there now.
    HeaderError : `header.unreadable`: one of them cannot be read now.
    Interrupted : the run is to stop, and the children may have been stopped with it.
    """
    try:
        if filecmp.cmp(first, second, shallow=False):
            return filing.Twins("", "")
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError from None
    except OSError:
        raise _unreadable() from None
    if _holds_another(run, first, sop_uid):
        raise FileNotFoundError
    found = [digests for _, digests in run.workers.map(partial(_digests, run.settings.max_pixels), (first, second))]
    if run.cancelled:
        raise Interrupted
    if any(isinstance(digests, InputError) and digests.code in TRANSIENT for digests in found):
        raise _unreadable()
    one, other = (None if isinstance(digests, InputError) else digests for digests in found)
    if one and other and one.stored == other.stored:  # however each is compressed
        return filing.Twins(one.pixel, one.pixel)
    return filing.Twins(one and one.pixel, other and other.pixel)


def _holds_another(run: Run, path: str, sop_uid: str) -> bool:
    try:
        return _read(run, path).sop_uid != sop_uid
    except (OSError, InputError):
        return False  # cut short or away: its pixels will tell


class _Digests(NamedTuple):
    """Of the pixels of one file, as `pixels.Frame` has them."""

    pixel: str
    stored: str


def _digests(max_pixels: int, path: str) -> _Digests:
    frame = read_frame(path, max_pixels)
    return _Digests(frame.pixel_sha256, frame.stored_sha256)


def _unreadable() -> HeaderError:
    return HeaderError("The file, or another one of the same image, cannot be read.", "header.unreadable")


def correct(run: Run, s: Session, study_uid: str) -> bool:
    """File a study anew by what all its files say today; False where they name several patients, or one cannot be read.

    A file that lies there no more says nothing.
    """
    filed = filing.paths_of_study(s, study_uid)
    paths = [path for path in filed if os.path.lexists(path)]
    try:
        today = [_read(run, path) for path in paths]
    except (OSError, InputError):
        return False
    with apart(s):
        if not identity.refile_study(s, study_uid, today):
            return False
        filing.give_up(s, sorted({*filed} - {*paths}))
        for instance in today:
            filing.record_instance(s, instance, believed_view(instance), screen(instance), partial(compare_files, run))
    runs.clear_file_failures(s, filed)
    return True


def _read(run: Run, path: str) -> Instance:
    """The header of a file as it is now, read in a child process unless it is an ordinary one."""
    entry, key = look_at(path), key_of_names(run)
    if instance := read_ordinary(entry, key):
        return instance
    careful = partial(read_header, max_dataset_mb=run.settings.max_dataset_mb, name_key=key)
    ((_, found),) = run.workers.map(careful, [entry])
    if isinstance(found, Instance):
        return found
    raise found or _unreadable()
