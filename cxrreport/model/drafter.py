"""From images and retrieved vectors to drafts: the network behind an interface of arrays and plain values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cxrreport.findings import State
from cxrreport.model.config import POSITIVE, STATES, VIEWS
from cxrreport.model.diffrgennet import Relations
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.generation import Decoding, Generated, generate
from cxrreport.model.heads import decide_states
from cxrreport.model.indication import indication_ids
from cxrreport.model.packing import can_pack, pack_linear
from cxrreport.model.prior import Prior
from cxrreport.model.prose import Prose, tidy
from cxrreport.model.revtaf.hyperbolic import HyperbolicHead, hyperbolic_keys, hyperbolic_queries, image_logits
from cxrreport.model.tokens import by_length
from cxrreport.model.weights import Weights
from cxrreport.records import PreparedStudy, ViewGuess

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
T = TypeVar("T")
_CPU_STUDIES = 1  # that a CPU encodes at once
_TEXT_BATCH = 64
_TEXT_TOKENS = 128


@dataclass(frozen=True, slots=True)
class StudyStates:
    """States and p(positive) of the 14 findings, in the order of `FINDINGS`, and each retrieved report's weight.

    scores : p(positive) as the network gives it, before any threshold; empty where a pair has decided.
    """

    states: tuple[State, ...]
    probabilities: tuple[float, ...]
    weights: tuple[float, ...]
    valid: bool
    scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkDraft:
    """What the network says of one study; `text` is "" and `valid` False where it gave nothing usable.

    others: what less likely beams say in other words, the likeliest first. compared: it was written with the prior in
    view, so its words of comparison may be true.
    """

    text: str
    states: StudyStates
    flags: tuple[str, ...]
    valid: bool
    others: tuple[Prose, ...] = ()
    compared: bool = False


def stack_images(studies: Sequence[PreparedStudy]) -> tuple[Tensor, Tensor]:
    """Studies -> images (B, 2, 256, 256) uint8 and view mask (B, 2) bool."""
    blank = np.zeros_like(studies[0].frontal)
    pixels = [np.stack([s.frontal, blank if s.lateral is None else s.lateral]) for s in studies]
    mask = torch.tensor([[True, s.lateral is not None] for s in studies])
    assert mask.shape[1] == VIEWS
    return torch.from_numpy(np.stack(pixels)), mask


class Drafter:
    """Encodes, embeds and drafts on one device. A batch that does not fit the GPU is halved, never dropped.

    halved : how often that was.
    comparing : ids of words that a draft without a prior never holds; `drafting.drafter.open_drafter` knows them.
    """

    def __init__(self, weights: Weights, decoding: Decoding | None = None, comparing: Sequence[int] = ()) -> None:
        self.weights = weights
        self.decoding = decoding or Decoding()
        self.network, self.tokenizer, self.reader = weights.network, weights.tokenizer, weights.prior
        self._comparing = comparing
        self.halved = 0
        self._prior_decoder = self.reader.adapt(self.network.decoder) if self.reader else None
        self.device = next(self.network.parameters()).device
        self.retrieved: int = self.network.config.retrieved
        self.dimension: int = self.network.config.d_retrieval
        learned = ("hyperbolic",) if weights.hyperbolic is not None else ()
        self.spaces: tuple[str, ...] = ("text", "image", *learned)

    def pack(self) -> None:
        """Have a CPU that can read the decoder's weights in half the memory; they neither learn nor are saved from then on."""
        if can_pack(self.device):
            for decoder in filter(None, (self.network.decoder, self._prior_decoder)):
                pack_linear(decoder)

    def guess_views(self, pixels: Sequence[npt.NDArray[np.uint8]]) -> list[ViewGuess]:
        """Projection of preprocessed images (256, 256)."""
        return self.weights.views.guess(pixels)

    @torch.inference_mode()
    def encode(self, studies: Sequence[PreparedStudy]) -> ImageFeatures:
        """Features of B studies, kept on the device. A CPU reads one after another: memory for the maps of several is asked
        of the system each time anew, which makes a study of sixteen take three times as long.
        """
        if self.device.type == "cpu" and len(studies) > _CPU_STUDIES:
            return join_features(
                [self.encode(studies[i : i + _CPU_STUDIES]) for i in range(0, len(studies), _CPU_STUDIES)]
            )
        pixels, mask = stack_images(studies)
        try:
            features: ImageFeatures = self.network.encoder(pixels.to(self.device), mask.to(self.device))
        except torch.cuda.OutOfMemoryError:
            if len(studies) == 1:
                raise
            self.halved += 1
            return join_features([self.encode(half) for half in _halves(studies)])
        return features

    @torch.inference_mode()
    def embed_images(self, features: ImageFeatures) -> Floats:
        """Retrieval queries (B, d), unit length."""
        vectors: Floats = self.network.retrieval.embed_image(features.pooled).float().cpu().numpy()
        return vectors

    def queries(self, features: ImageFeatures) -> dict[str, Floats]:
        """What to search each of the `spaces` for: vectors (B, width of that space)."""
        images = self.embed_images(features)
        found = {"text": images, "image": images}
        if self.weights.hyperbolic is not None:
            found["hyperbolic"] = self._coordinates(self.weights.hyperbolic, features, hyperbolic_queries)
        return found

    def distances(self, features: ImageFeatures) -> list[float | None]:
        """How far B studies lie from those that the weights learnt from, 1 at the bound of ordinary ones; None: not known."""
        reference = self.weights.reference
        if reference is None:
            return [None] * len(features.pooled)
        return list(reference.distances(features.pooled.float().cpu().numpy()).tolist())

    def keys(self, features: ImageFeatures) -> dict[str, Floats]:
        """What the index stores of a report's own images, space by space; "text" has `embed_texts` instead."""
        found = {"image": self.embed_images(features)}
        if self.weights.hyperbolic is not None:
            found["hyperbolic"] = self._coordinates(self.weights.hyperbolic, features, hyperbolic_keys)
        return found

    @torch.inference_mode()
    def _coordinates(
        self, head: HyperbolicHead, features: ImageFeatures, convert: Callable[[Tensor], Tensor]
    ) -> Floats:
        found: Floats = convert(head(image_logits(self.network, features))).cpu().numpy()
        return found

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Retrieval vectors (n, d) of report texts; sorted by length for speed, order kept."""
        ids = [self.tokenizer.encode(text, _TEXT_TOKENS) or [self.tokenizer.unknown] for text in texts]
        vectors = np.zeros((len(ids), self.dimension), np.float32)
        for rows, padded, mask in by_length(ids, _TEXT_BATCH):
            embedded = self.network.retrieval.embed_text(padded.to(self.device), mask.to(self.device))
            vectors[rows] = embedded.float().cpu().numpy()
        return vectors

    def indications(self, texts: Sequence[str | None]) -> Tensor | None:
        """Why the films of B studies were made, as `draft` takes it; None where the weights do not read it."""
        return indication_ids(self.tokenizer, texts) if self.network.config.reads_indication else None

    @torch.inference_mode()
    def read_states(self, features: ImageFeatures, reports: Floats, mask: Flags) -> list[StudyStates]:
        """Findings without a report. reports (B, N, d) retrieved vectors, mask (B, N) False where there is none."""
        _, states = self._read(features, reports, mask)
        return states

    def draft(
        self, features: ImageFeatures, reports: Floats, mask: Flags, states: Sequence[StudyStates] | None = None,
        prior: Prior | None = None, indication: Tensor | None = None,
    ) -> list[NetworkDraft]:  # fmt: skip
        """Findings and report of B studies; arguments as in `read_states`. states: findings to write of, where something
        beside these images has decided them; by default those that `read_states` gives. prior: what to read of the prior
        of each of them, if they have one and the weights have a `reader`; without, nothing of it reaches the decoder.
        indication: as `indications` gives it; not read beside a prior, which the decoder has learnt to read without one.
        """
        try:
            return self._draft(features, reports, mask, states, prior, indication)
        except torch.cuda.OutOfMemoryError:
            if len(mask) == 1:
                raise
            self.halved += 1
            torch.cuda.empty_cache()
            drafts: list[NetworkDraft] = []
            for rows in _halves(range(len(mask))):
                picked = list(rows)
                given = [states[i] for i in picked] if states else None
                read = prior.take(picked) if prior else None
                said = None if indication is None else indication[picked]
                drafts += self.draft(take_features(features, picked), reports[picked], mask[picked], given, read, said)
            return drafts

    @torch.inference_mode()
    def _draft(
        self, features: ImageFeatures, reports: Floats, mask: Flags, given: Sequence[StudyStates] | None,
        prior: Prior | None, indication: Tensor | None,
    ) -> list[NetworkDraft]:  # fmt: skip
        relations, read = self._read(features, reports, mask)
        states = read if given is None else given
        said = None if indication is None or prior is not None else indication.to(self.device)
        memory, memory_mask = self.network.remember(features, relations, said)
        decoder, context, banned = self.network.decoder, None, [*self.tokenizer.banned, *self._comparing]
        if prior is not None and self.reader is not None and self._prior_decoder is not None:
            tokens, there = self.reader.remember(decoder, prior)
            memory, memory_mask = torch.cat([memory, tokens], dim=1), torch.cat([memory_mask, there], dim=1)
            decoder, context, banned = self._prior_decoder, self.reader.context(prior), self.tokenizer.banned
        finite = memory.isfinite().flatten(1).all(1).tolist()
        generated = generate(
            decoder, torch.nan_to_num(memory), memory_mask, self._prefix(states),
            self.tokenizer.end, banned, self.decoding, context,
        )  # fmt: skip
        rows = zip(generated, states, finite, strict=True)
        return [replace(self._finish(pool, s, ok), compared=context is not None) for pool, s, ok in rows]

    def _read(self, features: ImageFeatures, reports: Floats, mask: Flags) -> tuple[Relations, list[StudyStates]]:
        vectors, valid = torch.from_numpy(reports).to(self.device), torch.from_numpy(mask).to(self.device)
        relations = self.network.relate(features, vectors, valid)
        logits = self.network.classify(features, relations)
        index, positive = decide_states(logits, self.network.config.thresholds)
        finite = logits.isfinite().flatten(1).all(1).tolist()
        scores = logits.float().softmax(1)[:, POSITIVE]
        rows = zip(index.tolist(), positive.tolist(), relations.weights.tolist(), finite, scores.tolist(), strict=True)
        return relations, [
            StudyStates(tuple(STATES[i] for i in states), tuple(p), tuple(weights), ok, tuple(raw))
            for states, p, weights, ok, raw in rows
        ]

    def _prefix(self, states: Sequence[StudyStates]) -> Tensor:
        """[DEC] s_1 .. s_14 a study, (B, 15)."""
        rows = [
            [self.tokenizer.begin, *(self.tokenizer.states[STATES.index(state)] for state in s.states)] for s in states
        ]
        return torch.tensor(rows, device=self.device)

    def _finish(self, pool: Sequence[Generated], states: StudyStates, finite: bool) -> NetworkDraft:
        said = [tidy(self.tokenizer.decode(g.ids), g.complete) for g in pool if finite and math.isfinite(g.score)]
        usable: dict[str, Prose] = {}
        for prose in said:
            if prose.text and not prose.runaway:
                usable.setdefault(prose.text, prose)
        if not usable:
            return NetworkDraft("", states, (), False)
        first, *others = usable.values()
        return NetworkDraft(first.text, states, first.flags, states.valid, tuple(others))


def take_features(features: ImageFeatures, rows: Sequence[int]) -> ImageFeatures:
    """The given studies of a batch."""
    index = torch.tensor(list(rows), device=features.pooled.device)
    return ImageFeatures(*(part[index] for part in features))


def join_features(parts: Sequence[ImageFeatures]) -> ImageFeatures:
    """Several batches as one."""
    return ImageFeatures(*map(torch.cat, zip(*parts, strict=True)))


def _halves(items: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    middle = len(items) // 2
    return items[:middle], items[middle:]
