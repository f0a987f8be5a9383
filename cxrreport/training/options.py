"""What `cxrreport train` was asked for, and that a run is resumed with the options that it was begun with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cxrreport.errors import UsageError
from cxrreport.files import write_json
from cxrreport.model.ablations import ABLATIONS
from cxrreport.model.bert import bert_sha256
from cxrreport.model.manifest import read_manifest, weights_sha256
from cxrreport.model.tokens import LEAST_PATIENTS
from cxrreport.training.pretrained import encoder_sha256

_FILE = "options.json"
_MAY_DIFFER = ("out", "device", "licence", "command", "checkpoint_minutes")  # they change nothing that is learned


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Dataset, run directory, size of the network and course of the training.

    films, films_directory: labelled films without reports for the encoder. Without network or view epochs that part
    stays as `init` has it. encoder_weights, bert: a safetensors file and a BERT directory to start from instead of
    `init`. copies: variants of each film that the second stage learns from. phantom_pairs, film_pairs: procedural pairs
    of films, and pairs with inserted lesions of each real film, that the stage of pairs learns from. checkpoint_minutes: how
    often a checkpoint is written within an epoch, 0 for never.
    """

    dataset: str
    directory: Path
    out: Path
    size: str = "mini"
    init: Path | None = None
    phantoms: int = 0
    phantom_pairs: int = 0
    film_pairs: int = 2
    encoder_epochs: int = 6
    network_epochs: int = 10
    view_epochs: int = 6
    pair_epochs: int = 0
    prior_epochs: int = 0
    batch: int = 16
    encoder_lr: float = 5e-4
    network_lr: float = 5e-4
    pair_lr: float = 5e-4
    prior_lr: float = 1e-3
    copies: int = 3
    balance: float = 0.0
    ablation: str | None = None
    seed: int = 9233
    device: str = "auto"
    limit: int | None = None
    licence: str = "research use only"
    command: str = ""
    films: str | None = None
    films_directory: Path | None = None
    checkpoint_minutes: float = 10
    encoder_weights: Path | None = None
    bert: Path | None = None

    def __post_init__(self) -> None:
        """Refuse to leave a part untrained that nothing has trained before, and to start one from two places.

        Raises
        ------
        UsageError : no network or view epochs, and no weights to start from; whole weights and parts; or prior epochs of a
            network that is trained anew, without pair epochs.
        """
        if self.init is not None and (self.encoder_weights is not None or self.bert is not None):
            raise UsageError("The weights of --init have their parts: leave --encoder-weights and --bert, or it, out.")
        if self.init is None and not (self.network_epochs and self.view_epochs):
            raise UsageError("Without --init there must be at least one network epoch and one view epoch.")
        retrained = self.init is None or bool(self.encoder_epochs or self.network_epochs)
        if self.prior_epochs and not self.pair_epochs and retrained:
            raise UsageError("A new network compares no pairs: ask for --pair-epochs beside --prior-epochs.")

    @property
    def compares_alone(self) -> bool:
        """Whether only what compares a study with its prior is trained, and everything else stays as `init` has it."""
        learnt = bool(self.pair_epochs or self.prior_epochs)
        return learnt and not (self.encoder_epochs or self.network_epochs or self.view_epochs)


def resolve_size(asked: str | None, init: Path | None) -> str:
    """Size of the network: that of the weights to start from, else the one asked for, else mini.

    Raises
    ------
    UsageError : the weights are of another size than the one asked for. WeightsError : there are none.
    """
    if init is None:
        return asked or "mini"
    known = str(read_manifest(init).get("config", ""))
    if asked and known and asked != known:
        raise UsageError(f"The weights of --init are of size {known}, not {asked}: leave --config out.")
    return known or asked or "mini"


def check_ablation(name: str | None, init: Path | None) -> None:
    """Refuse a row that is unknown, or that the weights to start from cannot take on.

    Raises
    ------
    UsageError
    """
    known = sorted(ABLATIONS)
    if name is not None and name not in known:
        raise UsageError(f"The ablations are {', '.join(known)}.")
    if name is not None and init is not None:
        raise UsageError("The weights of --init have their parts: leave --ablation or --init out.")


def start_sha256(options: TrainOptions) -> dict[str, str]:
    """Digest of the content of each place that the weights start from, by option.

    Raises
    ------
    WeightsError : it cannot be read.
    """
    found: dict[str, str] = {}
    if options.init is not None:
        found["init"] = weights_sha256(read_manifest(options.init))
    if options.encoder_weights is not None:
        found["encoder_weights"] = encoder_sha256(options.encoder_weights)
    if options.bert is not None:
        found["bert"] = bert_sha256(options.bert)
    return found


def check_options(options: TrainOptions) -> dict[str, Any]:
    """Refuse to go on with a run that was begun with other options; returns what is to be kept of them.

    What the weights start from is the same where its content is. A run of an earlier version is not: it named a place.

    Raises
    ------
    UsageError : names the options that differ, or says that the file is damaged.
    WeightsError : what the weights are to start from cannot be read.
    """
    asked, path = _comparable(options), options.out / _FILE
    begun = _read(path) if path.exists() else asked
    if different := sorted(name for name in asked | begun if asked.get(name) != begun.get(name)):
        raise UsageError(f"The run was begun with another {', '.join(different)}: name another --out.")
    return asked


def remember_options(out: Path, facts: dict[str, Any]) -> None:
    """Keep what `check_options` gave in `OUT/options.json`, where there is none yet."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / _FILE).exists():
        write_json(out / _FILE, facts, indent=1)


def _comparable(options: TrainOptions) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(options).items() if name not in _MAY_DIFFER}
    facts |= start_sha256(options)
    if options.init is None:
        facts["vocabulary"] = f"pieces of {LEAST_PATIENTS} patients"
    return {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in facts.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise UsageError(f"The {_FILE} of the run directory is damaged: name another --out.") from None
