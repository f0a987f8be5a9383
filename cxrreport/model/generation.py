"""Batched beam search over `ReportDecoder` (greedy is one beam). No sampling: a draft never varies."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from cxrreport.model.cache import DecoderCache
from cxrreport.model.decoder import ReportDecoder


@dataclass(frozen=True, slots=True)
class Decoding:
    """Decoding parameters, stored with every draft. Lengths are in tokens of the report."""

    beams: int = 3
    max_new_tokens: int = 110
    min_new_tokens: int = 8
    length_penalty: float = 1.0  # score = sum of log-probabilities / length ** penalty


@dataclass(frozen=True, slots=True)
class Generated:
    """Ids without prefix and end token; `complete` is False where the length limit cut the report."""

    ids: list[int]
    score: float
    complete: bool


@dataclass(slots=True)
class _Hypotheses:
    """The best finished reports of one study."""

    limit: int
    penalty: float
    finished: list[Generated] = field(default_factory=list)

    def add(self, ids: list[int], total: float, complete: bool) -> None:
        """Keep a report if it is among the best."""
        score = total / max(len(ids) + int(complete), 1) ** self.penalty
        self.finished.append(Generated(ids, score, complete))
        self.finished.sort(key=lambda g: (-g.score, g.ids))
        del self.finished[self.limit :]

    def settled(self, best_running: float, length: int) -> bool:
        """True when no running beam of this total log-probability can still win at its present length."""
        return len(self.finished) == self.limit and self.finished[-1].score >= best_running / length**self.penalty


@torch.inference_mode()
def generate(
    decoder: ReportDecoder, memory: Tensor, memory_mask: Tensor, prefix: Tensor, end: int, banned: list[int],
    decoding: Decoding, context: Tensor | None = None,
) -> list[list[Generated]]:  # fmt: skip
    """Draft B reports: of each study the best `beams` that were finished, the likeliest first.

    memory (B, M, d_dec), memory_mask (B, M) bool, prefix (B, L) ids; `banned` ids are never produced; context (B, L', d_dec)
    is added to the embeddings of the first of the prefix. A study whose beams are settled leaves the batch. The result does
    not depend on what else is in the batch.
    """
    batch, beams = len(prefix), decoding.beams
    cache = decoder.start(memory, memory_mask)
    logits = decoder.step(prefix, cache, context)  # (B, V)
    cache.widen(beams)
    logits = logits.repeat_interleave(beams, 0)  # (B * beams, V)
    totals = torch.full((batch, beams), -1e9, device=logits.device)
    totals[:, 0] = 0  # at first all beams are equal: let only one of them branch
    texts: list[list[list[int]]] = [[[] for _ in range(beams)] for _ in range(batch)]
    pools = [_Hypotheses(beams, decoding.length_penalty) for _ in range(batch)]
    active = list(range(batch))
    for length in range(1, decoding.max_new_tokens + 1):
        scores = _scores(logits, end, banned, length <= decoding.min_new_tokens)
        running = scores.view(len(active), beams, -1) + totals[:, :, None]
        best, place = running.flatten(1).topk(2 * beams, dim=1)
        chosen = [
            _advance(pools[s], texts[s], b, p, scores.shape[-1], end, beams)
            for s, b, p in zip(active, best.tolist(), place.tolist(), strict=True)
        ]
        for s, c in zip(active, chosen, strict=True):
            texts[s] = c.texts
        stay = _close_ranks([not pools[s].settled(c.totals[0], length) for s, c in zip(active, chosen, strict=True)])
        if not stay or length == decoding.max_new_tokens:
            _close(pools, texts, active, chosen, stay)
            break
        totals, tokens = _continue(cache, chosen, stay, totals.device)
        active = [active[i] for i in stay]
        logits = decoder.step(tokens, cache)
    return [pool.finished for pool in pools]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The beams of one study after a step: rows they come from, tokens, totals, texts."""

    rows: list[int]
    tokens: list[int]
    totals: list[float]
    texts: list[list[int]]


def _scores(logits: Tensor, end: int, banned: list[int], early: bool) -> Tensor:
    """Log-probabilities (rows, V) with everything forbidden at -1e9; `early`: no report may end yet."""
    scores = logits.float().log_softmax(-1)
    scores[:, banned] = -1e9
    if early:
        scores[:, end] = -1e9
    return scores


def _advance(
    pool: _Hypotheses,
    texts: list[list[int]],
    best: list[float],
    place: list[int],
    vocabulary: int,
    end: int,
    beams: int,
) -> _Chosen:
    """Take the best `beams` continuations; those that end go to the pool."""
    rows: list[int] = []
    tokens: list[int] = []
    totals: list[float] = []
    for rank, (total, index) in enumerate(zip(best, place, strict=True)):
        row, token = divmod(index, vocabulary)
        if token == end:
            if rank < beams:
                pool.add(texts[row], total, complete=True)
            continue
        rows.append(row)
        tokens.append(token)
        totals.append(total)
        if len(rows) == beams:
            break
    return _Chosen(rows, tokens, totals, [[*texts[r], t] for r, t in zip(rows, tokens, strict=True)])


def _close_ranks(staying: list[bool]) -> list[int]:
    """Places of the studies that stay: each its own, but the last ones stand in where others have left."""
    stay = [place for place, stays in enumerate(staying) if stays]
    beyond = [place for place in stay if place >= len(stay)]
    return [place if staying[place] else beyond.pop() for place in range(len(stay))]


def _continue(
    cache: DecoderCache, chosen: list[_Chosen], stay: list[int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Drop settled studies from the cache and line the rest up with their new beams."""
    if len(stay) < len(chosen):
        cache.keep(stay)
    rows = [study * cache.beams + row for study, i in enumerate(stay) for row in chosen[i].rows]
    cache.reorder(torch.tensor(rows, device=device))
    totals = torch.tensor([chosen[i].totals for i in stay], device=device)
    return totals, torch.tensor([[t] for i in stay for t in chosen[i].tokens], device=device)


def _close(
    pools: list[_Hypotheses], texts: list[list[list[int]]], active: list[int], chosen: list[_Chosen], stay: list[int]
) -> None:
    """The length limit is reached: running beams count as reports that were cut."""
    for i in stay:
        for text, total in zip(texts[active[i]], chosen[i].totals, strict=True):
            pools[active[i]].add(text, total, complete=False)
