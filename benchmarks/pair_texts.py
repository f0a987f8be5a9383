"""What the drafts of pairs say of change, against the reports that were written from the truth."""

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.pair_sets import PairSet
from cxrreport.evaluation import clinical, language
from cxrreport.evaluation.temporal import CLASSES, classes
from cxrreport.highlight.spans import judge_comparisons
from cxrreport.model.comparer import Comparer, PairReading
from cxrreport.model.drafter import Drafter, StudyStates
from cxrreport.model.prior import make_prior
from cxrreport.model.progression import FOLLOWED
from cxrreport.records import FINDINGS, Change
from cxrreport.reports.labels import label, mentions
from cxrreport.reports.sections import clean
from cxrreport.reports.sentences import sentences
from cxrreport.training.network_stage import nearest_rows
from cxrreport.training.pair_cache import Bank
from cxrreport.training.prior_stage import frontal_features
from cxrreport.wording import word

_BATCH = 16
_CHANGED = (Change.NEW, Change.WORSENED, Change.IMPROVED, Change.RESOLVED)
ALONE, SILENT, TOLD, ANOTHERS = (
    "prior not read", "prior read, its report left out", "prior read", "prior read, with another patient's report",
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """Stored texts of n pairs and the findings that they were written from."""

    texts: list[str]
    states: list[StudyStates]


def measure_texts(drafter: Drafter, comparer: Comparer, one: PairSet, bank: Bank) -> dict[str, dict[str, float]]:
    """Scores by what the decoder reads of the prior; {} where no pair has a report."""
    rows = [row for row, pair in enumerate(one.pairs) if pair.report]
    if not rows:
        return {}
    held = PairSet(one.name, [one.pairs[row] for row in rows], one.registered.take(rows), one.apart.take(rows))
    own = [pair.prior_report for pair in held.pairs]
    reports = {ALONE: None, SILENT: [""] * len(own), TOLD: own, ANOTHERS: [*own[1:], *own[:1]]}
    made = {way: _draft(drafter, comparer, held, bank, said) for way, said in reports.items()}
    return {way: _score(held, told, reports[way] or [], made[TOLD]) for way, told in made.items()}


@torch.inference_mode()
def _draft(drafter: Drafter, comparer: Comparer, one: PairSet, bank: Bank, reports: list[str] | None) -> Told:
    """As `composing` does, but with no sentences to borrow."""
    texts, found = [], []
    for rows in (chunk.tolist() for chunk in torch.arange(len(one.pairs)).split(_BATCH)):
        pairs = one.registered.take(rows)
        films = torch.cat([pairs.current, pairs.prior]).float()
        features = frontal_features(films).to(drafter.device)
        patients = [one.pairs[row].patient for row in rows] * 2
        near = nearest_rows(drafter.embed_images(features), bank.vectors, patients, bank.patients, drafter.retrieved)
        vectors = bank.vectors[near.numpy()]
        mask, count = np.ones(vectors.shape[:2], bool), len(rows)
        alone = drafter.read_states(features, vectors, mask)
        current, prior = (frontal_features(x.float()).to(drafter.device) for x in (pairs.current, pairs.prior))
        read = comparer.compare(
            current, prior, list(pairs.films.numpy()), pairs.registered.tolist(), alone[:count], alone[count:]
        )
        said = None if reports is None else _prior(drafter, one, rows, read, reports)
        drafts = drafter.draft(current, vectors[:count], mask[:count], [r.now for r in read], said)
        for draft, reading in zip(drafts, read, strict=True):
            changes = {f: c for f, c in zip(FOLLOWED, reading.changes, strict=True) if c is not None}
            texts.append(word(draft, dict(zip(FINDINGS, reading.now.states, strict=True)), [], changes)[0])
        found += [r.now for r in read]
    return Told(texts, found)


def _prior(drafter: Drafter, one: PairSet, rows: list[int], read: list[PairReading], reports: list[str]):
    limit = drafter.network.config.max_report_tokens
    ids = [drafter.tokenizer.encode(reports[row], limit) for row in rows]
    return make_prior([r.tokens for r in read], ids, [r.changes for r in read], [one.pairs[row].days for row in rows])


def _score(one: PairSet, told: Told, given: list[str], reference: Told) -> dict[str, float]:
    """Likeness to the true reports, and what of the comparison is true.

    changes told: of the findings that changed in truth, the share of which the text says so. comparisons true: of the
    sentences that compare. copied: sentences of the text that the given report has word for word. states moved: findings
    of the table that another report than the prior's own has changed.
    """
    true = [_changes(row) for row in classes(one.registered.joint.numpy(), one.registered.course.numpy())]
    reports = [pair.report for pair in one.pairs]
    clinic = clinical.score([label(text) for text in told.texts], [label(report) for report in reports])
    spoken = language.score([clean(text) for text in told.texts], [[clean(report)] for report in reports])
    said = [_told(text, changes) for text, changes in zip(told.texts, true, strict=True)]
    judged = [ok for text, changes in zip(told.texts, true, strict=True) for *_, ok in _judge(text, changes)]
    copies = [s in {*_sentences(g)} for text, g in zip(told.texts, given, strict=False) for s in _sentences(text)]
    moved = [a.states != b.states for a, b in zip(told.states, reference.states, strict=True)]
    return {
        "pairs": len(reports), "bleu_4": spoken["bleu_4"], "rouge_l": spoken["rouge_l"], "macro_f1": clinic.macro.f1,
        "changes told": _mean([ok for row in said for ok in row]), "comparing sentences": len(judged) / len(reports),
        "comparisons true": _mean(judged), "copied": _mean(copies), "states moved": _mean(moved),
    }  # fmt: skip


def _changes(row: np.ndarray) -> dict[str, Change]:
    return {f: Change(CLASSES[index]) for f, index in zip(FOLLOWED, row.tolist(), strict=True) if index >= 0}


def _judge(text: str, changes: dict[str, Change]) -> list[tuple[int, int, bool]]:
    return judge_comparisons(text, sentences(text), mentions(text), changes)


def _told(text: str, changes: dict[str, Change]) -> list[bool]:
    return [any(ok for *_, ok in _judge(text, {f: c})) for f, c in changes.items() if c in _CHANGED]


def _sentences(text: str) -> list[str]:
    return [clean(text[start:end]) for start, end in sentences(text)]


def _mean(values: list[bool]) -> float:
    return float(np.mean(values)) if values else 0.0
