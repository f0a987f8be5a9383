"""One batch of prepared studies -> finished drafts: encode, retrieve, draft, compare with the prior, mark the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from cxrreport.highlight.changes import compare, comparison_sentence, impression
from cxrreport.highlight.spans import find_spans, flag_hallucinated_comparison
from cxrreport.imaging.preprocess import PREPROCESS_VERSION
from cxrreport.model.drafter import Drafter, NetworkDraft, StudyStates, take_features
from cxrreport.records import FINDINGS, Draft, Failure, Finding, Provenance, Reference, Span, Study
from cxrreport.reports.labels import mentions
from cxrreport.retrieving import Retriever
from cxrreport.wording import word

if TYPE_CHECKING:
    from cxrreport.drafting import Prepared

_NOTHING = "The network gave no usable draft for this study."


class Composer:
    """Makes drafts with one set of weights and one version of the index."""

    def __init__(self, drafter: Drafter, retriever: Retriever) -> None:
        self.drafter, self.retriever = drafter, retriever

    def compose(self, batch: Sequence[Prepared]) -> list[Draft | Failure]:
        """Draft a batch; a study for which the network gives nothing usable becomes a failure."""
        with_prior = [item for item in batch if item.prior is not None]
        studies = [item.due.pair.study for item in batch]
        priors = [item.due.pair.prior for item in with_prior if item.due.pair.prior is not None]
        films = [item.current for item in batch] + [item.prior for item in with_prior if item.prior is not None]
        features = self.drafter.encode(films)
        retrieved = self.retriever.retrieve([*studies, *priors], self.drafter.queries(features))
        now, before = slice(0, len(batch)), slice(len(batch), len(films))
        made = self.drafter.draft(
            take_features(features, range(len(batch))), retrieved.vectors[now], retrieved.mask[now]
        )
        prior_states: dict[int, StudyStates] = {}
        if with_prior:
            read = self.drafter.read_states(
                take_features(features, range(len(batch), len(films))),
                retrieved.vectors[before],
                retrieved.mask[before],
            )
            pairs = zip(with_prior, read, strict=True)
            prior_states = {item.due.pair.study.id: states for item, states in pairs if states.valid}
        return [
            self._finish(
                item, draft, retrieved.references(row, draft.states.weights), retrieved.texts[row], prior_states
            )
            for row, (item, draft) in enumerate(zip(batch, made, strict=True))
        ]

    def _finish(
        self,
        item: Prepared,
        made: NetworkDraft,
        references: tuple[Reference, ...],
        lent: Sequence[str],
        priors: dict[int, StudyStates],
    ) -> Draft | Failure:
        pair = item.due.pair
        states = priors.get(pair.study.id)
        rows = compare(finding_rows(made.states), finding_rows(states) if states else None)
        prior = pair.prior if states else None
        comparison, comparison_spans = _compare_with(prior, pair.study, rows)
        text, flags = word(made, {row.finding: row.state for row in rows}, lent, has_prior=prior is not None)
        if not text:
            return Failure("model.invalid", _NOTHING, study_id=pair.study.id)
        return Draft(
            study_id=pair.study.id,
            prior_study_id=prior.id if prior else None,
            prior_reason="" if prior else item.reason or "prior.unreadable",
            findings=text,
            impression=impression(rows),
            comparison=comparison,
            finding_rows=rows,
            spans=(*_mark(text, rows), *comparison_spans, *(() if prior else flag_hallucinated_comparison(text))),
            regions=(),
            references=references,
            provenance=self._provenance(item),
            flags=(*item.flags, *flags),
        )

    def _provenance(self, item: Prepared) -> Provenance:
        decoding = {**asdict(self.drafter.decoding), "device": str(self.drafter.device)}
        version = self.retriever.index_version
        if version:
            decoding["retriever"] = self.retriever.name
        return Provenance(self.drafter.weights.sha256, PREPROCESS_VERSION, version, item.inputs_sha256, decoding)


def finding_rows(states: StudyStates) -> tuple[Finding, ...]:
    """The network's findings as rows without any change."""
    rows = zip(FINDINGS, states.states, states.probabilities, strict=True)
    return tuple(Finding(finding, state, probability) for finding, state, probability in rows)


def _compare_with(prior: Study | None, study: Study, rows: tuple[Finding, ...]) -> tuple[str, tuple[Span, ...]]:
    if prior is None or prior.studied_at is None or study.studied_at is None:
        return "", ()
    return comparison_sentence(rows, prior.studied_at.date(), (study.studied_at.date() - prior.studied_at.date()).days)


def _mark(text: str, rows: tuple[Finding, ...]) -> tuple[Span, ...]:
    changes = {row.finding: row.change for row in rows if row.change is not None}
    return find_spans("findings", text, mentions(text), changes)
