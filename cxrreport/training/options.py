"""What `cxrreport train` was asked for, and that a run is resumed with the options that it was begun with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cxrreport.errors import UsageError
from cxrreport.files import write_json
from cxrreport.model.bert import bert_sha256
from cxrreport.model.config import SIZES
from cxrreport.model.manifest import read_manifest, weights_sha256
from cxrreport.model.tokens import LEAST_PATIENTS
from cxrreport.training.pretrained import encoder_sha256
from cxrreport.training.recipe import Recipe, load_recipe

_FILE = "options.json"
_MAY_DIFFER = ("out", "device", "licence", "command", "checkpoint_minutes")  # they change nothing that is learned


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What to learn from and where, and the recipe.

    out: run directory; films, films_directory: collection of labelled images without reports, and where it lies; init: weights
    to start from; encoder_weights, bert: a safetensors file and a BERT directory to start from instead; limit: studies, images
    and follow-ups of each split, at most.
    """

    dataset: str
    directory: Path
    out: Path
    recipe: Recipe = field(default_factory=Recipe)
    init: Path | None = None
    encoder_weights: Path | None = None
    bert: Path | None = None
    films: str | None = None
    films_directory: Path | None = None
    device: str = "auto"
    limit: int | None = None
    command: str = ""

    def __post_init__(self) -> None:
        """Refuse to leave a part untrained that nothing has trained before, and to start one from two places.

        Raises
        ------
        UsageError : no network or view epochs, and no weights to start from; whole weights and parts, or an ablation;
            rounds of the encoder without epochs of the towers; prior epochs of a network that is trained anew, without
            pair epochs; or indications without network epochs.
        """
        r = self.recipe
        if self.init is not None and (self.encoder_weights is not None or self.bert is not None):
            raise UsageError("The weights of --init have their parts: leave --encoder-weights and --bert, or it, out.")
        if self.init is not None and r.ablation is not None:
            raise UsageError("The weights of --init have their parts: leave the recipe's ablation, or --init, out.")
        if self.init is None and not (r.network_epochs and r.view_epochs):
            raise UsageError("Without --init there must be at least one network epoch and one view epoch.")
        if r.indication and not r.network_epochs:
            raise UsageError("Only with network_epochs in the recipe does the decoder learn to read an indication.")
        if r.encoder_rounds and not r.towers_epochs:
            raise UsageError("A new encoder needs new towers: the recipe needs towers_epochs beside encoder_rounds.")
        retrained = self.init is None or r.trains_network
        if r.prior_epochs and not r.pair_epochs and retrained:
            raise UsageError("A new network compares no pairs: the recipe needs pair_epochs beside prior_epochs.")

    @property
    def compares_alone(self) -> bool:
        """Whether only parts beside the network are trained, pairs or how images lie; the rest stays as `init` has it."""
        r = self.recipe
        beside = r.pair_epochs or r.prior_epochs or r.upright_epochs
        return bool(beside) and not (r.trains_network or r.view_epochs)


def choose_recipe(asked: str | None, init: Path | None) -> Recipe:
    """The recipe asked for, else the shipped one for the size of the weights to start from, else mini.

    Raises
    ------
    UsageError : there is no such recipe, or it is for another size than the weights. WeightsError : there are none.
    """
    known = str(read_manifest(init).get("config", "")) if init is not None else ""
    recipe = load_recipe(asked or (known if known in SIZES else "mini"))
    if known and known != recipe.size:
        raise UsageError(f"The weights of --init are of size {known}, and the recipe is for {recipe.size}.")
    return recipe


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
    given = {one.name: getattr(options, one.name) for one in fields(options) if one.name != "recipe"}
    facts = {
        name: value
        for name, value in (given | options.recipe.model_dump(mode="json")).items()
        if name not in _MAY_DIFFER
    }
    facts |= start_sha256(options)
    if options.init is None:
        facts["vocabulary"] = f"pieces of {LEAST_PATIENTS} patients"
    return {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in facts.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise UsageError(f"The {_FILE} of the run directory is damaged: name another --out.") from None
