"""The JSON files that results are made of: evaluations and runs of the ablations, told apart by what they hold."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Document = dict[str, Any]
PROTOCOL = "C"  # of the ablations' scores, also where a file does not name it
# what a file must hold for tables to be made of it: types, and objects with at least these names
_EVALUATION: Document = {
    **dict.fromkeys(("protocol", "protocol_says", "dataset", "split", "labels", "meteor", "weights_sha256"), str),
    **dict.fromkeys(("studies", "bank", "beams"), int),
    **dict.fromkeys(("notes", "published"), list),
    **dict.fromkeys(("rows", "differences", "findings", "states", "positives"), dict),
    "weights": {"seed": object, "config": object, "network": dict},
}
_ABLATION: Document = {
    "name": str,
    "seed": int,
    "flags": dict,
    "validation": list,
    "best_epoch": int,
    "settings": {
        **dict.fromkeys(("epochs", "batch", "lr", "balance", "copies", "decoder_layers", "beams"), object),
        "studies": {"train": int, "val": int},
        "weights_sha256": str,
    },
}
_BESIDE = {"options.json", "studies.json", "manifest.json", "config.json"}  # of training and of weights


class ResultsError(Exception):
    """The files make no table; one sentence."""


@dataclass(frozen=True)
class Found:
    """Documents by kind, in the order in which they were named, and files that are known to be something else."""

    evaluations: list[Document] = field(default_factory=list)
    ablations: list[Document] = field(default_factory=list)
    passed: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """What every number of a table of evaluations has in common."""

    dataset: str
    split: str
    protocol: str
    beams: int
    studies: int
    bank: int
    labels: str

    def caption(self, documents: Sequence[Document]) -> str:
        """One line above a table: protocol, split, beams, sizes, seeds."""
        seeds = ", ".join(str(d["weights"]["seed"]) for d in documents)
        networks = " and ".join(sorted({str(d["weights"]["config"]) for d in documents}))
        return (
            f"Protocol {self.protocol}, {self.dataset} {self.split}, {self.studies} studies, "
            f"bank of {self.bank} train reports, network {networks}, "
            f"beams {self.beams}, labels {self.labels}, {len(documents)} run(s), seeds {seeds}."
        )


def setting(document: Document) -> Setting:
    """What an evaluation shares with others of its tables."""
    return Setting(**{name: document[name] for name in Setting.__dataclass_fields__})


def course(run: Document) -> str:
    """What a run of the ablations shares with others of its tables."""
    return json.dumps([run.get("protocol", PROTOCOL), run["settings"]], sort_keys=True)


def load(paths: Iterable[Path]) -> Found:
    """Read the files named, and those found at any depth of the directories named.

    Raises
    ------
    ResultsError : nothing is found, a file is of no known kind, or the same thing was scored twice.
    """
    found = Found()
    for file, named in _files(paths).items():
        document = read(file)
        if _fits(document, _EVALUATION):
            found.evaluations.append(document)
        elif is_run(document):
            found.ablations.append(document)
        elif named or file.name not in _BESIDE:
            raise ResultsError(f"{file} is neither a whole evaluation nor a whole run of the ablations.")
        else:
            found.passed.append(file)
    if not found.evaluations and not found.ablations:
        raise ResultsError("No evaluation and no run of the ablations is found there.")
    if twice := _twice((setting(d), d["weights_sha256"]) for d in found.evaluations):
        raise ResultsError(f"The weights {twice[1][:12]} were scored twice in the same way: name one of the files.")
    if twice := _twice((course(r), f"{r['name']}-{r['seed']}") for r in found.ablations):
        raise ResultsError(f"The ablation {twice[1]} was run twice with the same settings: name one of the files.")
    return found


def _files(paths: Iterable[Path]) -> dict[Path, bool]:
    """JSON files, and whether each was named itself."""
    files: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*.json")):
                files.setdefault(file, False)
        else:
            files[path] = True
    return files


def read(file: Path) -> Any:
    """What a JSON file holds; None where it is no JSON.

    Raises
    ------
    ResultsError : it cannot be read.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError:
        return None


def is_run(document: Any) -> bool:
    """Whether it is a whole run of the ablations, its best epoch among those validated."""
    return (
        _fits(document, _ABLATION)
        and 1 <= document["best_epoch"] <= len(document["validation"])
        and all(isinstance(scores, dict) for scores in document["validation"])
        and ("test" not in document or _fits(document, {"test": dict, "settings": {"studies": {"test": int}}}))
    )


def _fits(value: Any, shape: Any) -> bool:
    """Whether a value is of a type, or an object with all the names of a shape, whose values fit theirs."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and _fits(value[name], s) for name, s in shape.items())
    return isinstance(value, shape)


def _twice(keys: Iterable[Hashable]) -> Any:
    return next((key for key, count in Counter(keys).items() if count > 1), None)
