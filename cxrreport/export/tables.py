"""Drafts as tables for other programs: a line a study."""

from __future__ import annotations

import json
from contextlib import ExitStack

from cxrreport.export.folder import Folder
from cxrreport.export.formats import Writer
from cxrreport.export.subject import Subject


class JsonLines(Writer):
    """`drafts.jsonl`: the document of `show --json`, a line a study."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self._open = folder, ExitStack()

    def __enter__(self) -> JsonLines:
        """Open the file beside its place."""
        place = self._open.enter_context(self._folder.whole("drafts.jsonl"))
        self._file = self._open.enter_context(place.open("w", encoding="utf-8"))
        return self

    def __exit__(self, *error: object) -> None:
        """Put the file in its place, or after an error away."""
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def add(self, subject: Subject) -> None:
        """Write a line."""
        self._file.write(json.dumps(subject.view.document(), default=str) + "\n")


def open_writer(folder: Folder, _: str) -> Writer:
    """Return the writer of a table."""
    return JsonLines(folder)
