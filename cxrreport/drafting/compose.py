"""One batch of prepared studies -> finished drafts: encode, retrieve, draft, compare with the prior, mark the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxrreport.codes import Flag, PriorReason
from cxrreport.drafting.changes import compare, comparison_sentence, impression
from cxrreport.drafting.regions import Maps, mark_regions
from cxrreport.drafting.retrieve import Retrieved, Retriever
from cxrreport.drafting.sides import wrong_sides
from cxrreport.drafting.spans import find_spans, flag_hallucinated_comparison, judge_comparisons
from cxrreport.drafting.text import word
from cxrreport.findings import FINDINGS, Change
from cxrreport.imaging.preprocess import PREPROCESS_VERSION, REGISTER_VERSION
from cxrreport.model.comparer import Comparer, PairReading
from cxrreport.model.drafter import Drafter, NetworkDraft, StudyStates, take_features
from cxrreport.model.encoder import ImageFeatures
from cxrreport.model.evidence import evidence_maps
from cxrreport.model.prior import Prior, make_prior
from cxrreport.model.progression import FOLLOWED
from cxrreport.records import Draft, Failure, Finding, Pair, PreparedStudy, Provenance, Reference, Span, Study
from cxrreport.reports.details import details
from cxrreport.reports.labels import mentions
from cxrreport.reports.sentences import sentences

if TYPE_CHECKING:
    from cxrreport.records import Prepared
    from cxrreport.store.views import Signed

_NOTHING = "The network gave no usable draft for this study."


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of a study beside its draft: its prior alone, registered where that was possible (None without one), both
    together (None where the weights compare no pairs), and where each finding is (14, g, g).
    """

    before: StudyStates | None
    reading: PairReading | None
    evidence: npt.NDArray[np.float32]

    @property
    def has_prior(self) -> bool:
        """Whether there is a prior with usable states."""
        states = self.reading.before if self.reading else self.before
        return states is not None and states.valid


class Composer:
    """Makes drafts with one set of weights and one version of the index."""

    def __init__(self, drafter: Drafter, retriever: Retriever) -> None:
        self.drafter, self.retriever = drafter, retriever
        self.comparer = Comparer(drafter.weights) if drafter.weights.temporal is not None else None

    @property
    def reads_priors(self) -> bool:
        """Whether the decoder makes anything of a prior and its report."""
        return self.comparer is not None and self.drafter.reader is not None

    def compose(self, batch: Sequence[Prepared], told: Mapping[int, Signed]) -> list[Draft | Failure]:
        """Draft a batch; a study for which the network gives nothing usable becomes a failure.

        told: signed reports of priors, by study id.
        """
        pairs = [row for row, item in enumerate(batch) if item.prior is not None]
        studies = [item.due.pair.study for item in batch]
        priors = [prior for row in pairs if (prior := batch[row].due.pair.prior) is not None]
        features = self.drafter.encode(
            [item.current for item in batch] + [self._prior_films(batch[row]) for row in pairs]
        )
        retrieved = self.retriever.retrieve([*studies, *priors], self.drafter.queries(features))
        alone = self.drafter.read_states(features, retrieved.vectors, retrieved.mask)
        count = len(batch)
        readings = self._compare(batch, pairs, features, alone)
        states = [readings[row].now if row in readings else alone[row] for row in range(count)]
        current = take_features(features, range(count))
        made = self._draft(batch, current, retrieved, states, readings, told)
        evidence = evidence_maps(self.drafter.network, current)
        before = dict(zip(pairs, alone[count:], strict=True))
        return [
            self._finish(
                item, made[row], Seen(before.get(row), readings.get(row), evidence[row]),
                retrieved.references(row, states[row].weights), retrieved.texts[row], _signed(item, told),
            )
            for row, item in enumerate(batch)
        ]  # fmt: skip

    def _draft(
        self, batch: Sequence[Prepared], features: ImageFeatures, retrieved: Retrieved, states: Sequence[StudyStates],
        readings: Mapping[int, PairReading], told: Mapping[int, Signed],
    ) -> list[NetworkDraft]:  # fmt: skip
        """Studies that were compared are drafted apart from the others, so that these come out as without any prior.

        One of which the decoder makes no text with its prior is drafted without.
        """
        paired = [row for row in range(len(batch)) if row in readings] if self.reads_priors else []

        def draft(rows: list[int], prior: Prior | None) -> list[NetworkDraft]:
            return self.drafter.draft(
                take_features(features, rows),
                retrieved.vectors[rows],
                retrieved.mask[rows],
                [states[r] for r in rows],
                prior,
            )

        made: dict[int, NetworkDraft] = {}
        if paired:
            prior = self._prior([batch[row] for row in paired], [readings[row] for row in paired], told)
            made = {row: one for row, one in zip(paired, draft(paired, prior), strict=True) if one.text}
        if others := [row for row in range(len(batch)) if row not in made]:
            made.update(zip(others, draft(others, None), strict=True))
        return [made[row] for row in range(len(batch))]

    def _prior(
        self, items: Sequence[Prepared], readings: Sequence[PairReading], told: Mapping[int, Signed]
    ) -> Prior:  # fmt: skip
        """What the decoder reads of the priors. Only what was signed: our own drafts would bear themselves out."""
        limit, tokenizer = self.drafter.network.config.max_report_tokens, self.drafter.tokenizer
        signed = [_signed(item, told) for item in items]
        return make_prior(
            [reading.tokens for reading in readings],
            [tokenizer.encode(report.findings, limit) if report else [] for report in signed],
            [reading.changes for reading in readings],
            [r.maps * (item.registered is not None) for item, r in zip(items, readings, strict=True)],
            [_days(item.due.pair) for item in items],
        )  # fmt: skip

    def _compare(
        self, batch: Sequence[Prepared], pairs: Sequence[int], features: ImageFeatures, alone: Sequence[StudyStates]
    ) -> dict[int, PairReading]:
        """What the weights see of the pairs, by row; nothing of a pair that they make nothing of, or if they never learnt to
        compare: then each film is judged alone.
        """
        if self.comparer is None or not pairs:
            return {}
        films = [np.stack([batch[row].current.frontal, self._prior_films(batch[row]).frontal]) for row in pairs]
        rows = range(len(batch), len(batch) + len(pairs))
        readings = self.comparer.compare(
            take_features(features, pairs), take_features(features, rows), films,
            [batch[row].registered is not None for row in pairs], [alone[row] for row in pairs], alone[len(batch) :],
        )  # fmt: skip
        return {
            row: reading
            for row, reading in zip(pairs, readings, strict=True)
            if reading.now.valid and reading.before.valid
        }

    def _prior_films(self, item: Prepared) -> PreparedStudy:
        """The films of the prior, the frontal one laid over the current one where that was possible and will be used."""
        assert item.prior is not None
        if item.registered is None or self.comparer is None:
            return item.prior
        return replace(item.prior, frontal=item.registered)

    def _finish(
        self, item: Prepared, made: NetworkDraft, seen: Seen, references: tuple[Reference, ...], lent: Sequence[str],
        signed: Signed | None,
    ) -> Draft | Failure:  # fmt: skip
        pair = item.due.pair
        rows = _join(made, seen)
        prior = pair.prior if seen.has_prior else None
        comparison, comparison_spans = _compare_with(prior, _days(pair), rows)
        changes = {row.finding: row.change for row in rows if row.change is not None}
        text, flags = word(made, {row.finding: row.state for row in rows}, lent, changes)
        if not text:
            return Failure("model.invalid", _NOTHING, study_id=pair.study.id)
        regions = mark_regions(rows, _maps(item, seen, rows), pair.frontal.height, pair.frontal.width)
        said = {finding: detail.side for finding, detail in details(text).items() if detail.side}
        sides = (Flag.SIDE_DIFFERS,) if wrong_sides(said, regions, pair.frontal.width) else ()
        return Draft(
            study_id=pair.study.id,
            prior_study_id=prior.id if prior else None,
            prior_reason="" if prior else item.reason or PriorReason.UNREADABLE,
            findings=text,
            impression=impression(rows),
            comparison=comparison,
            finding_rows=rows,
            spans=(*_mark(text, changes, compared=made.compared), *comparison_spans),
            regions=regions,
            references=references,
            provenance=self._provenance(item, signed if made.compared else None),
            flags=(*item.flags, *flags, *sides),
        )

    def _provenance(self, item: Prepared, signed: Signed | None) -> Provenance:
        decoding = {**asdict(self.drafter.decoding), "device": str(self.drafter.device)}
        version = self.retriever.index_version
        if version:
            decoding["retriever"] = self.retriever.name
        if item.quality is not None:
            decoding["registration"] = {"version": REGISTER_VERSION, "quality": round(item.quality, 3)}
        if signed is not None:
            decoding["prior_report"] = signed.report_id
        return Provenance(self.drafter.weights.sha256, PREPROCESS_VERSION, version, item.inputs_sha256, decoding)


def _join(made: NetworkDraft, seen: Seen) -> tuple[Finding, ...]:
    """The findings of a draft with those of its prior and what became of each."""
    now = finding_rows(made.states)
    if not seen.has_prior:
        return compare(now, None)
    if seen.reading is None:
        return compare(now, finding_rows(seen.before) if seen.before else None)
    changes = zip(FOLLOWED, seen.reading.changes, seen.reading.probabilities, strict=True)
    judged = {finding: (change, probability) for finding, change, probability in changes}
    return compare(now, finding_rows(seen.reading.before), judged)


def _maps(item: Prepared, seen: Seen, rows: Sequence[Finding]) -> Maps:
    """Places on the current film: where a finding changed, if the prior lies on it, and where one is seen.

    The share of a patch in the evidence is weighed by how sure the finding is.
    """
    sure = np.array([row.probability for row in rows[: len(FOLLOWED)]], np.float32)[:, None, None]
    change = seen.reading.maps if seen.reading and item.registered is not None else None
    return Maps(change, seen.evidence[: len(FOLLOWED)] * sure, FOLLOWED)


def finding_rows(states: StudyStates) -> tuple[Finding, ...]:
    """The network's findings as rows without any change."""
    rows = zip(FINDINGS, states.states, states.probabilities, strict=True)
    return tuple(Finding(finding, state, probability) for finding, state, probability in rows)


def _compare_with(prior: Study | None, days: int | None, rows: tuple[Finding, ...]) -> tuple[str, tuple[Span, ...]]:
    if prior is None or prior.studied_at is None or days is None:
        return "", ()
    return comparison_sentence(rows, prior.studied_at.date(), days)


def _signed(item: Prepared, told: Mapping[int, Signed]) -> Signed | None:
    """The signed report of the prior, where there is one."""
    return told.get(item.due.pair.prior.id) if item.due.pair.prior else None


def _days(pair: Pair) -> int | None:
    if pair.prior is None or pair.prior.studied_at is None or pair.study.studied_at is None:
        return None
    return (pair.study.studied_at.date() - pair.prior.studied_at.date()).days


def _mark(text: str, changes: Mapping[str, Change], *, compared: bool) -> tuple[Span, ...]:
    """Spans of the findings section; words of comparison that no change of the table bears out are flagged, and all of a
    decoder that has not read the prior.
    """
    named = mentions(text)
    spans = find_spans("findings", text, named, changes)
    borne = [(span.start_char, span.end_char) for span in spans if span.kind == "change"]
    judged = judge_comparisons(text, sentences(text), named, changes if compared else {})
    borne += [(start, end) for start, end, true in judged if true]
    invented = flag_hallucinated_comparison(text)
    return (*spans, *(s for s in invented if not any(a < s.end_char and s.start_char < b for a, b in borne)))
