"""`cxrreport export`: the wanted drafts, one after the other, to every format that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxrreport.errors import CxrReportError, InputError
from cxrreport.export.folder import Folder
from cxrreport.export.formats import Writer, open_writer
from cxrreport.export.pseudonym import Pseudonyms
from cxrreport.export.subject import Subject, draw_ahead, gather
from cxrreport.log import Progress, get_log, stack_of, unwatched
from cxrreport.settings import Settings
from cxrreport.store.engine import open_archive, session
from cxrreport.store.listing import Wanted, count_drafts, count_undrafted

_MOST_STUDIES = 100  # that are named of one code


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
    Where all drafts are wanted, the files of those that are there no longer are removed: of an erased patient, or rejected.

    Raises
    ------
    UsageError : the directory holds other things, or no study is named so. LockedError, StorageError.
    """
    names = pseudonyms.name if pseudonyms else ""
    with open_archive(settings, read_only=True) as engine, Folder(place, names) as folder, ExitStack() as opened:
        with session(engine, read_only=True) as s:
            total, undrafted = count_drafts(s, wanted), count_undrafted(s, wanted)
        writers = [opened.enter_context(open_writer(name, folder)) for name in formats]
        tally, subjects = _Tally(), gather(settings, engine, wanted, pseudonyms)
        for subject in draw_ahead(settings, subjects, lambda one: any(writer.draws(one) for writer in writers)):
            tally.take(subject)
            for writer in writers:
                tally.add(writer, subject)
            progress("drafts", 1, total)
        for writer in writers:
            writer.note(undrafted)
        opened.close()
        if wanted == Wanted() and not tally.failed:
            for name in formats:
                folder.remove_others(f"{name}/")
        return tally.told(folder.written, folder.removed), 3 if tally.failed or tally.undrawn else 0


@dataclass
class _Tally:
    """How far an export came: studies by the code of what was lost of them, and which they are."""

    drafts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    undrawn: Counter[str] = field(default_factory=Counter)
    studies: dict[str, list[int]] = field(default_factory=dict)

    def take(self, subject: Subject) -> None:
        """Count a study, and its pictures where they are lost."""
        self.drafts += 1
        if isinstance(subject.drawn, InputError):
            self.undrawn[subject.drawn.code] += 1
            self._name(subject.drawn.code, subject)

    def add(self, writer: Writer, subject: Subject) -> None:
        """Let a writer take a study. What ends the whole export, such as a full disk, is raised."""
        try:
            writer.add(subject)
        except InputError as error:
            self._count(error.code, subject, left_out=error.exit_code == 0)
        except (CxrReportError, OSError, MemoryError):
            raise
        except Exception as error:
            get_log().error("export.lost", stack=stack_of(error))
            self._count("export.crash", subject)

    def _count(self, code: str, subject: Subject, left_out: bool = False) -> None:
        (self.skipped if left_out else self.failed)[code] += 1
        if not left_out:
            self._name(code, subject)

    def _name(self, code: str, subject: Subject) -> None:
        studies = self.studies.setdefault(code, [])
        if len(studies) < _MOST_STUDIES and subject.study_id not in studies[-1:]:
            studies.append(subject.study_id)

    def told(self, files: int, removed: int) -> dict[str, Any]:
        """The document of the command."""
        lost = {"skipped": self.skipped, "failed": self.failed, "without_pictures": self.undrawn}
        counts = {name: dict(found) for name, found in lost.items()}
        return {"drafts": self.drafts, "files": files, "removed": removed, **counts, "failed_studies": self.studies}
