"""The datasets in directories, by name, and the one reader of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from cxrreport.datasets.chexpert_plus import list_chexpert_plus
from cxrreport.datasets.iu_xray import read_iu_xray
from cxrreport.datasets.listed import Listed
from cxrreport.datasets.mimic_cxr import list_mimic_cxr
from cxrreport.datasets.sample import LeftOut, Sample
from cxrreport.engine.local import LocalEngine
from cxrreport.errors import InputError, UsageError

# Collections of small images are read in this process, the others study by study in child processes.
READERS: dict[str, Callable[[Path, str], Iterable[Sample | LeftOut]]] = {"iu-xray": read_iu_xray}
LISTS: dict[str, Callable[[Path, str], Iterable[Listed | LeftOut]]] = {
    "mimic-cxr": list_mimic_cxr,
    "mimic-cxr-chexpert": partial(list_mimic_cxr, labels="chexpert"),
    "mimic-cxr-negbio": partial(list_mimic_cxr, labels="negbio"),
    "chexpert-plus": list_chexpert_plus,
}


class DirectoryReader:
    """A dataset in a directory. engine: where its studies are read; without, in this process.

    Raises
    ------
    UsageError : no such kind of dataset.
    """

    least = 0

    def __init__(self, name: str, directory: Path, engine: LocalEngine | None = None) -> None:
        if name not in READERS | LISTS:
            raise UsageError(f"Known datasets: {', '.join([*READERS, *LISTS])}.")
        self.name, self.directory, self._engine = name, directory, engine or LocalEngine(0, 0, 0)
        self._left_out: set[LeftOut] = set()  # a row once, however often it is met

    @property
    def skipped(self) -> Counter[str]:
        """See `Reader`; of the rows met so far, which with a limit are not all."""
        return Counter(row.code for row in self._left_out)

    def __call__(self, split: str, limit: int | None = None, only: Collection[str] | None = None) -> list[Sample]:
        """See `Reader`."""
        found = self._samples(split) if self.name in READERS else self._read(split, only)
        return list(islice((sample for sample in found if only is None or sample.key in only), limit))

    def _samples(self, split: str) -> Iterator[Sample]:
        for found in READERS[self.name](self.directory, split):
            if isinstance(found, LeftOut):
                self._left_out.add(found)
            else:
                yield found

    def _read(self, split: str, only: Collection[str] | None) -> Iterator[Sample]:
        with self._engine as workers:
            for listed, found in workers.map(_sample, self._listed(split, only)):
                if isinstance(found, InputError):
                    self._left_out.add(LeftOut(listed.row, found.code))
                    continue
                if listed.lateral and not found.present[1]:
                    self._left_out.add(LeftOut(listed.row, "film.lateral"))
                yield found

    def _listed(self, split: str, only: Collection[str] | None) -> Iterator[Listed]:
        for found in LISTS[self.name](self.directory, split):
            if isinstance(found, LeftOut):
                self._left_out.add(found)
            elif only is None or found.key in only:
                yield found


def _sample(listed: Listed) -> Sample:
    return listed.read()
