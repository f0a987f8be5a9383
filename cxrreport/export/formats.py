"""The formats of an export. A module is imported when its format is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from cxrreport.export.folder import Folder, Item
from cxrreport.export.subject import Subject

Maker = Callable[[Subject], Iterable[Item]]  # the files of one study, always the same bytes for the same view

# Files of a study each: format -> module of cxrreport.export with `make`, a `Maker`.
MAKERS: dict[str, str] = {"hl7": "hl7"}
# Files over all studies: format -> module of cxrreport.export with `open_writer(folder, format)`.
WRITERS: dict[str, str] = {"html": "html", **dict.fromkeys(("jsonl", "csv", "parquet"), "tables")}
FORMATS = (*MAKERS, *WRITERS)


class Writer(AbstractContextManager[Any]):
    """Takes one study after the other. Left without an error, it writes what tells of all of them."""

    @abstractmethod
    def add(self, subject: Subject) -> None:
        """Take a study."""

    def note(self, undrafted: Mapping[str, int]) -> None:
        """Take how many of the studies have no draft, by code; told once, at the end."""
        return

    def __exit__(self, *error: object) -> None:
        """Nothing tells of all studies."""


class StudyFiles(Writer):
    """Writes the files of each study below a folder of the format's name."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name, self._make = folder, name, maker(name)

    def add(self, subject: Subject) -> None:
        """Write the files of a study unless they lie there."""
        key = f"{self._name}/{subject.view.stem}"
        self._folder.put(key, subject.version(), lambda: self._make(subject))


def maker(name: str) -> Maker:
    """Return what makes the files of one study in a format of `MAKERS`."""
    make: Maker = import_module(f"cxrreport.export.{MAKERS[name]}").make
    return make


def open_writer(name: str, folder: Folder) -> Writer:
    """Return the writer of a format."""
    if name in MAKERS:
        return StudyFiles(folder, name)
    writer: Writer = import_module(f"cxrreport.export.{WRITERS[name]}").open_writer(folder, name)
    return writer
