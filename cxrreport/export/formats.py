"""The formats of an export. A module is imported when its format is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # a command line names the formats without what writes them
    from cxrreport.export.folder import Folder, Item
    from cxrreport.export.subject import Subject

# What makes the files of one study, always the same bytes for the same view.
Maker: TypeAlias = "Callable[[Subject], Iterable[Item]]"

# Files of a study each: format -> module of cxrreport.export with `make`, a `Maker`.
MAKERS: dict[str, str] = {"sr": "sr", "fhir": "fhir", "hl7": "hl7"}
DRAWING = frozenset({"sr"})  # those of them that show the films
# Files over all studies: format -> module of cxrreport.export with `open_writer(folder, format)`.
WRITERS: dict[str, str] = {"html": "html", "pdf": "pdf", **dict.fromkeys(("jsonl", "csv", "parquet"), "tables")}
FORMATS = (*WRITERS, *MAKERS)


class Writer(AbstractContextManager[Any]):
    """Takes one study after the other. Left without an error, it writes what tells of all of them."""

    def draws(self, _: Subject) -> bool:
        """Whether `add` will ask for the pictures of a study; those that nobody asks for are not made."""
        return False

    @abstractmethod
    def add(self, subject: Subject) -> None:
        """Take a study."""

    def note(self, undrafted: Mapping[str, int]) -> None:
        """Take how many of the studies have no draft, by code; told once, at the end."""
        return

    def __exit__(self, *error: object) -> None:
        """Nothing tells of all studies."""


class Streaming(Writer):
    """Writes into files of all studies, which lie open meanwhile."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self._open = folder, ExitStack()

    def __exit__(self, *error: object) -> None:
        """Put the files in their places, or after an error away."""
        self._open.__exit__(*error)  # type: ignore[arg-type]


class StudyFiles(Writer):
    """Writes what `make` makes of each study; `draws` says that it shows the films."""

    def __init__(self, folder: Folder, name: str, make: Maker, draws: bool) -> None:
        self._folder, self._name, self._make, self._draws = folder, name, make, draws

    def draws(self, subject: Subject) -> bool:
        """What does not lie there is drawn, in the formats that draw."""
        return self._draws and not self._folder.holds(self._key(subject), subject.version)

    def add(self, subject: Subject) -> None:
        """Write the files of a study unless they lie there."""
        version = subject.drawn_version if self._draws else subject.version
        self._folder.put(self._key(subject), version, lambda: self._make(subject))

    def _key(self, subject: Subject) -> str:
        return f"{self._name}/{subject.view.stem}"


def maker(name: str) -> Maker:
    """Return what makes the files of one study in a format of `MAKERS`."""
    make: Maker = import_module(f"cxrreport.export.{MAKERS[name]}").make
    return make


def open_writer(name: str, folder: Folder) -> Writer:
    """Return the writer of a format."""
    if name in MAKERS:
        return StudyFiles(folder, name, maker(name), name in DRAWING)
    writer: Writer = import_module(f"cxrreport.export.{WRITERS[name]}").open_writer(folder, name)
    return writer
