"""What the drafts of pairs say of change, against the reports that were written from the truth."""

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.pair_sets import PairSet
from cxrreport.drafting.known import Known, know
from cxrreport.drafting.licences import check_comparisons
from cxrreport.drafting.regions import SIDE, Maps, mark_regions
from cxrreport.drafting.table import changes_of, compared, film_rows, to_write
from cxrreport.drafting.text import final_text
from cxrreport.drafting.wording_file import default_wording
from cxrreport.drafts import Finding
from cxrreport.evaluation.scoring import score_texts
from cxrreport.evaluation.temporal import CLASSES, classes
from cxrreport.findings import CHANGED, Change
from cxrreport.model.comparer import Comparer, PairReading
from cxrreport.model.config import REPORT_TOKENS
from cxrreport.model.drafter import Drafter, StudyStates, join_features
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.prior import make_prior
from cxrreport.model.progression import FOLLOWED
from cxrreport.model.tie import Tie
from cxrreport.reports.claims import read
from cxrreport.reports.labels import label
from cxrreport.reports.sections import clean
from cxrreport.reports.sentences import sentences
from cxrreport.training.pair_cache import Bank
from cxrreport.training.prior_stage import frontal_features

_BATCH = 16
ALONE, SILENT, TOLD, ANOTHERS = (
    "prior not read", "prior read, its report left out", "prior read", "prior read, with another patient's report",
)  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A batch of pairs as the networks read it: all that a decoder is given beside the prior's report."""

    rows: list[int]
    features: ImageFeatures
    vectors: np.ndarray
    readings: list[PairReading]
    alone: list[StudyStates]  # of the current images
    tables: list[tuple[Finding, ...]]


def measure_texts(drafter: Drafter, comparer: Comparer, one: PairSet, bank: Bank) -> dict[str, dict[str, float]]:
    """Scores by what the decoder reads of the prior; {} where no pair has a report."""
    rows = [row for row, pair in enumerate(one.pairs) if pair.report]
    if not rows:
        return {}
    held = PairSet(one.name, [one.pairs[row] for row in rows], one.registered.take(rows), one.apart.take(rows))
    own = [pair.prior_report for pair in held.pairs]
    others = [*own[1:], *own[:1]]
    read = [_read(drafter, comparer, held, bank, rows.tolist()) for rows in torch.arange(len(rows)).split(_BATCH)]
    given = {ALONE: None, SILENT: [""] * len(own), TOLD: own, ANOTHERS: others}
    texts = {way: [text for part in read for text in _draft(drafter, held, part, said)] for way, said in given.items()}
    return {way: _score(held, said, others if way == ANOTHERS else own) for way, said in texts.items()}


@torch.inference_mode()
def _read(drafter: Drafter, comparer: Comparer, one: PairSet, bank: Bank, rows: list[int]) -> Read:
    pairs = one.registered.take(rows)
    current, prior = (frontal_features(x.float()).to(drafter.device) for x in (pairs.current, pairs.prior))
    both = join_features([current, prior])
    patients = [one.pairs[row].patient for row in rows] * 2
    vectors = bank.vectors[bank.nearest(drafter, both, patients).numpy()]
    alone = drafter.read_states(both, vectors, np.ones(vectors.shape[:2], bool))
    n = len(rows)
    readings = comparer.compare(
        current, prior, list(pairs.films.numpy()), pairs.registered.tolist(), alone[:n], alone[n:]
    )
    fitted = drafter.weights.calibration
    now, before = ([film_rows(states, fitted) for states in part] for part in (alone[:n], alone[n:]))
    tie = fitted.tie if fitted else Tie()
    tables = [compared(*rows, tie) for rows in zip(now, before, readings, strict=True)]
    return Read(rows, current, vectors[:n], readings, alone[:n], tables)


def _draft(drafter: Drafter, one: PairSet, read: Read, reports: list[str] | None) -> list[str]:
    """Texts to store, as `composing` makes them; None: the prior is not read."""
    prior, states = None, read.alone
    lies = one.registered.registered[read.rows].tolist()
    if reports is not None:
        ids = [drafter.tokenizer.encode(reports[row], REPORT_TOKENS) for row in read.rows]
        days = [one.pairs[row].days for row in read.rows]
        maps = [r.maps * ok for r, ok in zip(read.readings, lies, strict=True)]
        prior = make_prior([r.tokens for r in read.readings], ids, [changes_of(t) for t in read.tables], maps, days)
        states = [to_write(own, table) for own, table in zip(read.alone, read.tables, strict=True)]
    made = drafter.draft(read.features, read.vectors, np.ones(read.vectors.shape[:2], bool), states, prior)
    rows = zip(read.rows, made, read.readings, read.tables, lies, strict=True)
    known = ((row, draft, _known(table, reading, ok)) for row, draft, reading, table, ok in rows)
    return [final_text(draft, one, [], default_wording(), str(row))[0].string for row, draft, one in known]


def _known(table: tuple[Finding, ...], reading: PairReading, lies: bool) -> Known:
    """What is known of a pair: the table and the sides of its changes, as `composing` has them."""
    regions = mark_regions(table, Maps(reading.maps if lies else None, None, FOLLOWED), SIDE, SIDE)
    return know(table, regions, SIDE)


def _score(one: PairSet, texts: list[str], given: list[str]) -> dict[str, float]:
    """Likeness to the true reports, and what of the comparison is true.

    changes told: of the findings that changed in truth, the share of which the text says so. comparisons true: of the
    sentences that compare. sides right: of the findings whose side both reports tell. copied: sentences of the text that
    the prior's report (`given`) has word for word, whether or not it was read.
    """
    true = [_changes(row) for row in classes(one.registered.joint.numpy(), one.registered.direction.numpy())]
    reports = [pair.report for pair in one.pairs]
    scores = score_texts(texts, reports, [label(report) for report in reports])
    said = [_told(text, changes) for text, changes in zip(texts, true, strict=True)]
    judged = [ok for text, changes in zip(texts, true, strict=True) for ok in _supported(text, changes)]
    copies = [s in {*_sentences(report)} for text, report in zip(texts, given, strict=True) for s in _sentences(text)]
    sides = [ok for report, text in zip(reports, texts, strict=True) for ok in _sides(report, text)]
    return {
        "pairs": len(reports), **{name: scores[name] for name in ("bleu_4", "rouge_l", "macro_f1")},
        "changes told": _mean([ok for row in said for ok in row]), "comparing sentences": len(judged) / len(reports),
        "comparisons true": _mean(judged), "sides right": _mean(sides), "copied": _mean(copies),
    }  # fmt: skip


def _changes(row: np.ndarray) -> dict[str, Change]:
    return {f: Change(CLASSES[index]) for f, index in zip(FOLLOWED, row.tolist(), strict=True) if index >= 0}


def _supported(text: str, changes: dict[str, Change]) -> list[bool]:
    return [ok for _, ok in check_comparisons(read(text), changes)]


def _told(text: str, changes: dict[str, Change]) -> list[bool]:
    return [any(_supported(text, {f: c})) for f, c in changes.items() if c in CHANGED]


def _sides(report: str, text: str) -> list[bool]:
    true, said = (read(one).sides for one in (report, text))
    return [said[finding] == side for finding, side in true.items() if finding in said]


def _sentences(text: str) -> list[str]:
    return [clean(text[start:end]) for start, end in sentences(text)]


def _mean(values: list[bool]) -> float:
    return float(np.mean(values)) if values else 0.0
