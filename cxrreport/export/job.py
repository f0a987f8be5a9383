"""`cxrreport export`: the wanted drafts, one after the other, to every format that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cxrreport.export.folder import Folder
from cxrreport.export.formats import open_writer
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.subject import draw_ahead, gather
from cxrreport.export.tally import Tally
from cxrreport.log import Progress, unwatched
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.listing import Wanted, count_drafts, count_undrafted


def export(
    settings: Settings,
    place: Path,
    formats: Sequence[str],
    wanted: Wanted,
    progress: Progress = unwatched,
    pseudonyms: Pseudonyms | None = None,
) -> tuple[dict[str, Any], int]:
    """Write the wanted drafts to a directory; return counts and the exit code.

    A study that cannot be written in a format is counted by code, and so is one whose pictures are lost; the others go on.
    Where all drafts are wanted, the files of those that are there no longer are removed, in every format: of an erased
    patient, or rejected.

    Raises
    ------
    UsageError : the directory holds other things, or no study is named so. LockedError, StorageError.
    """
    names = pseudonyms.name if pseudonyms else ""
    with open_archive(settings, read_only=True) as engine, Folder(place, names) as folder, ExitStack() as opened:
        with session(engine, read_only=True) as s:
            total, undrafted = count_drafts(s, wanted), count_undrafted(s, wanted)
        writers = [opened.enter_context(open_writer(name, folder)) for name in formats]
        tally, stems, subjects = Tally(), set[str](), gather(settings, engine, wanted, pseudonyms)
        for subject in draw_ahead(settings, subjects, lambda one: any(writer.draws(one) for writer in writers)):
            tally.take(subject)
            stems.add(subject.view.stem)
            for writer in writers:
                with tally.watch(subject):
                    writer.add(subject)
            progress("drafts", 1, total)
        for writer in writers:
            writer.note(undrafted)
        opened.close()
        if wanted == Wanted():
            folder.keep(stems)
        counts = {"drafts": tally.drafts, "files": folder.written, "removed": folder.removed}
        lost = {"without_pictures": dict(tally.undrawn), "failed_studies": tally.studies}
        return {**counts, **tally.counts(), **lost}, 3 if tally.failed or tally.undrawn else 0
