"""`cxrreport train`, the stage of pairs: they are drawn, registered and cached, and the temporal network learns."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from cxrreport.datasets.pairs.inserted import identical_pairs, inserted_pairs
from cxrreport.datasets.pairs.nih import open_follow_up, read_follow_ups
from cxrreport.datasets.pairs.phantom import phantom_pairs
from cxrreport.datasets.pairs.sample import PairSample
from cxrreport.datasets.sample import Sample
from cxrreport.errors import UsageError
from cxrreport.imaging.preprocess import PREPROCESS_VERSION, REGISTER_VERSION
from cxrreport.model.drafter import Drafter
from cxrreport.model.manifest import NETWORK
from cxrreport.model.progression import TemporalNetwork
from cxrreport.model.weights import Weights, load_weights, resolve_device, save_weights
from cxrreport.training.averaging import BestWeights
from cxrreport.training.card import part_card
from cxrreport.training.checkpoint import Checkpoint
from cxrreport.training.options import TrainOptions
from cxrreport.training.pair_cache import PLACES, Bank, EncodedPairs, encode_pairs, kept_pairs
from cxrreport.training.pair_stage import SELECTING, PairStage, calibrate
from cxrreport.training.ranks import first, leads
from cxrreport.training.stage import own_numbers

CHECKPOINT = "temporal.safetensors"
_VAL_SHARE = 8  # procedural pairs of validation: one for so many of training
_VAL_FOLLOW_UPS = 400  # of some 1,300: each takes as long as a pair of training
_VAL_SEED = 1_000_003  # added to the seed: no patient of training is drawn again
Item = TypeVar("Item")
Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """Studies that pairs are made of: train for learning, val for choosing; no patient is in both."""

    train: Sequence[Sample]
    val: Sequence[Sample]


Draw = Callable[[TrainOptions, Sources], Iterable[PairSample]]


def train_pairs(best: Path, options: TrainOptions, sources: Sources, log: Log) -> None:
    """Train what compares a study with its prior, and put it beside the other weights in `best`."""
    weights, r = load_weights(best, resolve_device(options.device)), options.recipe
    drafter = Drafter(weights)
    train, val = cache_pairs(drafter, make_bank(drafter, sources), options, sources)
    if len(train) < 2 or not set(val.place.tolist()) & {PLACES.index(place) for place in SELECTING}:
        raise UsageError("There are not enough pairs to learn from and to choose by: ask for more phantom_pairs.")
    registered = round(float(train.registered.float().mean()), 4)
    log({"stage": "pairs", "train": len(train), "val": len(val), "registered": registered})
    generator = own_numbers(r.seed, 5)
    steps = r.pair_epochs * (len(train) // r.batch + 1)
    device = str(next(weights.network.parameters()).device)
    stage = PairStage(weights.network.config, r.pair_lr, steps, generator, device)
    if weights.temporal is not None:
        stage.network.load_state_dict(weights.temporal.state_dict())
    kept = BestWeights(stage.network)
    modules = {"network": stage.network, "average": stage.average, "best": kept}
    checkpoint = Checkpoint(options.out / CHECKPOINT, modules, stage.descent, generator, r.checkpoint_minutes)
    for epoch in checkpoint.remaining(r.pair_epochs):
        losses = stage.epoch(train, r.batch, checkpoint)
        if not leads():
            continue
        with stage.average.applied():
            scores = calibrate(stage.network, val)
            kept.offer(stage.network, scores["pair_selection"])
        log({"stage": "temporal", "epoch": epoch, **losses, **scores})
        if epoch == r.pair_epochs:  # before the checkpoint says so, for a kill in between would lose the weights
            _save(best, weights, kept.kept, val, options)


def _save(best: Path, weights: Weights, temporal: TemporalNetwork, val: EncodedPairs, options: TrainOptions) -> None:
    """Put the best epoch beside the other weights, with a card of its own in theirs.

    How the decoder reads the prior goes: it was learnt with another G.
    """
    card = {name: value for name, value in weights.manifest.items() if name not in ("files", "prior")}
    scores = {name: round(value, 4) for name, value in calibrate(temporal, val).items()}
    r = options.recipe
    data = f"{r.phantom_pairs} procedural pairs, {r.film_pairs} of each {options.dataset} film, lesions put in"
    followups = ", follow-ups of NIH ChestX-ray14" if options.films == "nih" else ""
    card["temporal"] = part_card(options, data + followups, scores)
    save_weights(
        best,
        weights.network,
        weights.views,
        weights.tokenizer,
        card,
        weights.hyperbolic,
        temporal,
        upright=weights.upright,
    )


def copy_weights(init: Path, best: Path) -> None:
    """Begin `best` with the very weights of `init`, verified on the way."""
    w = load_weights(init)
    card = {name: value for name, value in w.manifest.items() if name != "files"}
    save_weights(best, w.network, w.views, w.tokenizer, card, w.hyperbolic, w.temporal, w.prior, w.upright)


def make_bank(drafter: Drafter, sources: Sources) -> Bank:
    """The reports of training, which every pair retrieves from."""
    return Bank(drafter.embed_texts([s.summary for s in sources.train]), [s.patient for s in sources.train])


def cache_pairs(
    drafter: Drafter, bank: Bank, options: TrainOptions, sources: Sources
) -> tuple[EncodedPairs, EncodedPairs]:  # fmt: skip
    """Pairs of training and of validation, from the run directory where they were made before."""
    workers = len(os.sched_getaffinity(0))

    def kept(name: str, draw: Draw) -> EncodedPairs:
        path = options.out / f"pairs-{name}.safetensors"
        return first(
            lambda: kept_pairs(path, lambda: encode_pairs(drafter, draw(options, sources), bank, workers), with_these)
        )

    with_these = {
        "network": drafter.weights.manifest["files"][NETWORK], "preprocess": str(PREPROCESS_VERSION),
        "registration": str(REGISTER_VERSION), "bank": bank.digest(),
    }  # fmt: skip
    val = kept("val", validation_pairs)
    return kept("train", training_pairs), val


def training_pairs(options: TrainOptions, sources: Sources) -> Iterator[PairSample]:
    """Procedural pairs, lesions inserted into real images, and follow-ups of labelled images."""
    real = [s for s in sources.train if s.present[0] and not s.key.startswith("phantom")]
    drawn = phantom_pairs(options.recipe.phantom_pairs, options.recipe.seed)
    share = options.recipe.film_pairs
    inserted = inserted_pairs(_spread(real, min(1.0, share)), math.ceil(share), options.recipe.seed)
    return chain(drawn, inserted, _follow_ups(options, "train", options.recipe.follow_ups))


def _follow_ups(options: TrainOptions, split: str, most: int) -> Iterator[PairSample]:
    """Real pairs of labelled images, where there are any, spread evenly over the patients."""
    if options.films != "nih" or options.films_directory is None:
        return iter(())
    found = list(read_follow_ups(options.films_directory, split))
    count = most if options.limit is None else min(most, options.limit)
    return map(open_follow_up, _spread(found, min(1.0, count / max(1, len(found)))))


def _spread(items: Sequence[Item], share: float) -> list[Item]:
    """A share of the items, evenly spread."""
    count = round(share * len(items))
    return [items[index * len(items) // count] for index in range(count)]


def validation_pairs(options: TrainOptions, sources: Sources) -> Iterator[PairSample]:
    """The same from other patients, few of the real ones, and images that are compared with themselves."""
    real = [s for s in sources.val if s.present[0]]
    seed = options.recipe.seed + _VAL_SEED
    drawn = phantom_pairs(options.recipe.phantom_pairs // _VAL_SHARE, seed)
    followed = _follow_ups(options, "val", _VAL_FOLLOW_UPS)
    return chain(drawn, inserted_pairs(real, 1, seed), identical_pairs(real, seed), followed)
