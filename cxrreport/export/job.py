"""`cxrreport export`: the wanted drafts, one after the other, to every format that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cxrreport.errors import InputError
from cxrreport.export.folder import Folder
from cxrreport.export.formats import Writer, open_writer
from cxrreport.export.site import site_of
from cxrreport.export.study import view_studies
from cxrreport.export.subject import Subject, draw_ahead
from cxrreport.log import Progress, unwatched
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.listing import Wanted, count_drafts, count_undrafted


def export(
    settings: Settings, place: Path, formats: Sequence[str], wanted: Wanted, progress: Progress = unwatched
) -> tuple[dict[str, Any], int]:
    """Write the wanted drafts to a directory; return counts and the exit code.

    A study that cannot be written in a format is counted by code, and so is one whose pictures are lost; the others go on.

    Raises
    ------
    UsageError : the directory holds other things, or no study is named so. LockedError, StorageError.
    """
    drafts, failed, undrawn = 0, Counter[str](), Counter[str]()
    with open_archive(settings, read_only=True) as engine, Folder(place) as folder, ExitStack() as opened:
        with session(engine, read_only=True) as s:
            total, undrafted = count_drafts(s, wanted), count_undrafted(s, wanted)
        site = site_of(settings)
        writers = [opened.enter_context(open_writer(name, folder)) for name in formats]
        subjects = (Subject(view, settings.max_pixels, site) for view in view_studies(engine, wanted))
        for subject in draw_ahead(settings, subjects, lambda one: any(writer.draws(one) for writer in writers)):
            drafts += 1
            if isinstance(subject.drawn, InputError):
                undrawn[subject.drawn.code] += 1
            for writer in writers:
                _add(writer, subject, failed)
            progress("drafts", 1, total)
        for writer in writers:
            writer.note(undrafted)
        opened.close()
        counts = {"drafts": drafts, "files": folder.written, "failed": dict(failed), "without_pictures": dict(undrawn)}
        return counts, 3 if failed or undrawn else 0


def _add(writer: Writer, subject: Subject, failed: Counter[str]) -> None:
    try:
        writer.add(subject)
    except InputError as error:
        failed[error.code] += 1
