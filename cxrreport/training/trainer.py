"""`cxrreport train`: stages in order, a checkpoint and a line of metrics.jsonl an epoch, the best on validation kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cxrreport.datasets.directory import DirectoryReader
from cxrreport.datasets.encoded import Encoded, encode_samples
from cxrreport.datasets.encoded_films import EncodedFilms, encode_films
from cxrreport.datasets.nih import LabelledImage
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.datasets.sample import Reader, Sample, left_out
from cxrreport.datasets.splits import describe, read_splits, remember_splits
from cxrreport.drafting.drafter import open_drafter
from cxrreport.model.drafter import Drafter, Floats
from cxrreport.model.generation import Decoding
from cxrreport.model.views import ViewClassifier
from cxrreport.model.weights import Weights, recover_weights, save_weights
from cxrreport.training.card import make_card
from cxrreport.training.checkpoint import Checkpoint, finished_epochs
from cxrreport.training.encoder_stage import EncoderStage, list_films
from cxrreport.training.finished import BEST, NETWORK, best_so_far, has_network, is_finished
from cxrreport.training.images import read_images, remember_images
from cxrreport.training.labelled import KindHeads
from cxrreport.training.metrics import MetricsLog
from cxrreport.training.network_stage import NetworkStage, start_prior
from cxrreport.training.options import TrainOptions, check_options, remember_options
from cxrreport.training.pair_training import CHECKPOINT as PAIRS
from cxrreport.training.pair_training import Sources, copy_weights, train_pairs
from cxrreport.training.prior_training import CHECKPOINT as PRIORS
from cxrreport.training.prior_training import train_prior
from cxrreport.training.ranks import check_alike, copy_first, joined, leads, wait
from cxrreport.training.retriever_stage import cache_logits, train_retriever, validate_retriever
from cxrreport.training.stage import Stage, own_numbers
from cxrreport.training.start import make_start
from cxrreport.training.towers_stage import TowersStage
from cxrreport.training.upright_stage import CHECKPOINT as UPRIGHT
from cxrreport.training.upright_stage import train_upright
from cxrreport.training.validation import validate
from cxrreport.training.views_stage import train_views, view_accuracy

Log = Callable[[dict[str, Any]], None]


class Trainer:
    """Holds what all stages share. kept: what `check_options` gave; the device of the options is this process's."""

    def __init__(
        self, options: TrainOptions, kept: dict[str, Any], log: Log, read: Reader | None = None
    ) -> None:  # fmt: skip
        self.options, self.recipe, self._log = options, options.recipe, log
        self.device = options.device
        torch.manual_seed(self.recipe.seed)
        read = read or DirectoryReader(options.dataset, options.directory)
        known, self.val = read_splits(read, options.out, options.limit)
        self.train = known + draw_phantoms(self.recipe.phantoms, self.recipe.seed)
        self.images, self.films = read_images(options)
        start = make_start(options, self.train, self.device)
        self.network, self.tokenizer = start.network, start.tokenizer
        self.start = start
        check_alike([describe(known, self.val), [image.key for image in self.images], self.recipe.model_dump()])
        if leads():  # only now: what cannot be begun must not bind a later try
            remember_options(options.out, kept)
            remember_splits(options.out, known, self.val)
            remember_images(options.out, self.images, self.films)
        self._metrics = MetricsLog(options.out / "metrics.jsonl")
        self.started = time.monotonic()
        count = {"train": len(self.train), "films": len(self.images), "val": len(self.val)}
        self.log({"stage": "data", **count, "skipped": left_out(read), "device": self.device})

    def log(self, facts: dict[str, Any]) -> None:
        """Write to metrics.jsonl, and show; the first process alone."""
        if not leads():
            return
        facts = {**facts, "seconds": round(time.monotonic() - self.started, 1)}
        self._metrics.add(facts)
        self._log(facts)

    def generator(self, stage: int) -> torch.Generator:
        """See `own_numbers`."""
        return own_numbers(self.recipe.seed, stage)

    def run(self) -> Path:
        """Train; returns the weights directory of the best epoch."""
        if not has_network(self.options):
            if self.options.compares_alone and self.options.init is not None:
                if leads():
                    copy_weights(self.options.init, self.options.out / BEST)
            else:
                self.train_encoder()
                self.train_towers()
                self.train_network(self.train_view_classifier())
        wait()
        o, r, sources = self.options, self.recipe, Sources(self.train, self.val)
        if finished_epochs(o.out / PAIRS) < r.pair_epochs:
            if leads():
                (o.out / PRIORS).unlink(missing_ok=True)  # what was learnt of another G is of no use
            train_pairs(o.out / BEST, o, sources, self.log)
            wait()
        if finished_epochs(o.out / PRIORS) < r.prior_epochs:
            train_prior(o.out / BEST, o, sources, self.log)
            wait()
        if finished_epochs(o.out / UPRIGHT) < r.upright_epochs:
            train_upright(o.out / BEST, o, sources, self.log)
        return o.out / BEST

    def train_encoder(self) -> None:
        """Stage 1, round by round, each with a checkpoint of its own; without any nothing of it is touched.

        Epochs are counted through all rounds.
        """
        r, generator, before = self.recipe, self.generator(1), 0
        encoder = self.network.encoder
        heads = KindHeads(encoder.width).to(self.device)
        for number, one in enumerate(r.encoder_rounds, start=1):
            films = list_films([*self.train, *self.images], one.laterals)
            steps = one.epochs * (len(films) // r.encoder_batch + 1)
            stage = EncoderStage(encoder, heads, one.lr, steps, generator, one.pixels)
            modules = {"encoder": encoder, "heads": heads}
            checkpoint = self._checkpoint(f"encoder-{number}.safetensors", modules, stage)
            for epoch in checkpoint.remaining(one.epochs):
                losses = stage.epoch(films, r.encoder_batch, checkpoint)
                if leads():
                    scores = stage.validate(self.val, r.encoder_batch, self.films)
                    self.log({"stage": "encoder", "round": number, "epoch": before + epoch, **losses, **scores})
            before += one.epochs

    def train_towers(self) -> None:
        """Stage 2; without epochs nothing of it is touched."""
        r, generator = self.recipe, self.generator(8)
        if not r.towers_epochs:
            return
        samples: list[Sample | LabelledImage] = [*self.train, *self.images]
        steps = r.towers_epochs * (len(samples) // r.encoder_batch + 1)
        stage = TowersStage(self.network, self.tokenizer, r.towers_lr, steps, generator)
        checkpoint = self._checkpoint("towers.safetensors", {"towers": stage.modules}, stage)
        for epoch in checkpoint.remaining(r.towers_epochs):
            losses = stage.epoch(samples, r.encoder_batch, checkpoint)
            if leads():
                scores = stage.validate(self.val, r.encoder_batch, self.films)
                self.log({"stage": "towers", "epoch": epoch, **losses, **scores})

    def _checkpoint(self, name: str, modules: dict[str, nn.Module], stage: Stage) -> Checkpoint:
        minutes = self.recipe.checkpoint_minutes
        return Checkpoint(self.options.out / name, modules, stage.descent, stage.generator, minutes)

    def train_view_classifier(self) -> ViewClassifier:
        """The projection of images whose tags are silent; without epochs that of the weights to start from."""
        model, losses = self.start.views, dict[str, float]()
        if not leads():
            return model or ViewClassifier()  # which it neither uses nor saves
        if model is None or self.recipe.view_epochs:
            model, losses = train_views(self.train, self.recipe.view_epochs, self.generator(2), self.device)
        self.view_scores = view_accuracy(model, self.val, self.recipe.seed)
        self.log({"stage": "views", **losses, **self.view_scores})
        return model

    def train_network(self, views: ViewClassifier) -> None:
        """Stage 3; without epochs the rest of the network stays as it is, beside encoder and towers."""
        r, generator = self.recipe, self.generator(3)
        drafter = open_drafter(Weights(self.network, views, self.tokenizer, {}, ""), Decoding(beams=1))
        self.network.eval()
        bank = drafter.embed_texts([s.summary for s in self.train])
        copies = r.copies if r.network_epochs else 1
        patients = [s.patient for s in self.train]
        train = encode_samples(drafter, self.train, bank, patients, copies, generator)
        val = encode_samples(drafter, self.val, bank, patients, 1, generator)
        if r.network_epochs:
            self._learn(drafter, bank, train, val, generator)
        elif leads():
            facts = {"stage": "network", "epoch": 0, **validate(drafter, self.val, val, None)}
            self.log(self._save(views, facts, train, val))

    def _learn(
        self, drafter: Drafter, bank: Floats, train: Encoded, val: Encoded, generator: torch.Generator
    ) -> None:  # fmt: skip
        """The epochs of the network, of which the best on validation is saved."""
        r = self.recipe
        films, films_val = (self._encode_films(drafter, bank, generator, split) for split in (self.images, self.films))
        self.log({"stage": "encoded", "bank": len(bank)})
        self.network.label_prior.copy_(start_prior(self.train))
        steps = r.network_epochs * (len(self.train) // r.batch + 1)
        stage = NetworkStage(drafter.weights, r.network_lr, steps, generator, r.balance, films)
        modules = {"network": self.network, "average": stage.average, "shift": stage.shift}
        checkpoint = self._checkpoint(NETWORK, modules, stage)
        best = best_so_far(self.options.out)
        for epoch in checkpoint.remaining(r.network_epochs):
            losses = stage.epoch(self.train, train, r.batch, checkpoint)
            if leads():
                with stage.average.applied():
                    scores = validate(drafter, self.val, val, stage, films_val)
                    facts = {"stage": "network", "epoch": epoch, **losses, **scores}
                    if scores["selection"] > best:
                        best = scores["selection"]
                        facts = self._save(drafter.weights.views, facts, train, val)
                self.log({**facts, "label_prior": [round(p, 6) for p in self.network.label_prior.tolist()]})
            copy_first([self.network.label_prior])

    def _encode_films(
        self, drafter: Drafter, bank: Floats, generator: torch.Generator, films: list[LabelledImage]
    ) -> EncodedFilms | None:
        """Those to learn from in as many copies as the studies."""
        copies = self.recipe.copies if films is self.images else 1
        return encode_films(drafter, films, bank, copies, generator) if films else None

    def _save(self, views: ViewClassifier, facts: dict[str, Any], train: Encoded, val: Encoded) -> dict[str, Any]:
        """Train the hyperbolic retriever on this epoch's logits and save weights and card; adds its scores."""
        o, start, origin = self.options, self.start, self.start.origin
        known, new = cache_logits(self.network, train), cache_logits(self.network, val)
        truth, asked = (np.stack([s.states for s in samples]) for samples in (self.train, self.val))
        with torch.random.fork_rng(devices=[]):  # a run that is killed after this and goes on must not draw other noise
            head = train_retriever(known, truth, self.network.config.d_retrieval, self.generator(4))
        facts = {**facts, **validate_retriever(head, known, truth, new, asked)}
        if self.images:
            origin += f"; also learnt from {len(self.images)} films of {o.films} without reports"
        card = {**make_card(o, self.train, origin, {**facts, **self.view_scores}), **start.cards}
        save_weights(
            o.out / BEST, self.network, views, self.tokenizer, card, head, start.temporal, start.prior, start.upright
        )
        return facts


def train(options: TrainOptions, log: Log, read: Reader | None = None) -> Path:
    """Train as asked; returns the directory of the best weights. `read`: by default a reader of the options' directory.

    Raises
    ------
    UsageError : bad dataset, or other options than those the run was begun with, or several processes that do not fit.
    ConfigurationError, UnavailableError : missing starting weights, missing device.
    """
    r = options.recipe
    with joined(options.device, min(r.batch, r.encoder_batch)) as device:
        kept = check_options(options)
        best = options.out / BEST
        if leads():
            recover_weights(best)
        wait()
        if is_finished(options):
            return best
        wait()  # nothing is written before all have looked
        return Trainer(replace(options, device=device), kept, log, read).run()
