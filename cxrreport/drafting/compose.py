"""One batch of prepared studies -> finished drafts: encode, retrieve, compare with the prior, draft, mark the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from cxrreport.clock import Clock
from cxrreport.codes import Flag, PriorReason
from cxrreport.drafting.abstain import Limits, doubt, waiting
from cxrreport.drafting.case import Case, Exam, open_case, stack
from cxrreport.drafting.changes import comparison_sentence, impression
from cxrreport.drafting.confidence import beam_states, states_told
from cxrreport.drafting.known import DEVICES, Known, know
from cxrreport.drafting.priority import prioritise
from cxrreport.drafting.regions import Maps, as_stored, mark_regions
from cxrreport.drafting.retrieve import Retriever
from cxrreport.drafting.spans import mark_text
from cxrreport.drafting.table import changes_of, findings_table, to_write
from cxrreport.drafting.text import final_text
from cxrreport.drafting.told import hear_of_priors
from cxrreport.drafting.withhold import Closed, is_everything, to_tell, withhold
from cxrreport.drafting.wording import Wording
from cxrreport.drafting.wording_file import default_wording
from cxrreport.drafts import Draft, Finding, Provenance, Span, heard
from cxrreport.findings import State
from cxrreport.imaging.preprocess import PREPROCESS_VERSION, REGISTER_VERSION
from cxrreport.model.comparer import Comparer
from cxrreport.model.config import REPORT_TOKENS
from cxrreport.model.drafter import Drafter, StudyStates, join_features, take_features
from cxrreport.model.evidence import evidence_maps
from cxrreport.model.prior import Prior, make_prior
from cxrreport.model.progression import FOLLOWED
from cxrreport.records import Failure, Pair, Prepared
from cxrreport.reports.claims import read
from cxrreport.store.heard import Signed, States

_NOTHING = "The network gave no usable draft for this study."


class Composer:
    """Makes drafts with one set of weights and one version of the index.

    closed : what no reader is told. limits : of studies of which readers get no text; None gives them every one.
    """

    def __init__(
        self,
        drafter: Drafter,
        retriever: Retriever,
        wording: Wording,
        clock: Clock | None = None,
        closed: Closed | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.drafter, self.retriever, self.wording = drafter, retriever, wording
        self.shadow = is_everything(closed or {})  # then the draft is whole, and shown to no reader
        self.closed = {} if self.shadow else closed or {}
        self.limits = limits
        self.clock = clock or Clock()  # told of the stages "encode", "retrieve" and "draft"
        self.comparer = Comparer(drafter.weights) if drafter.weights.temporal is not None else None

    @property
    def reads_priors(self) -> bool:
        """Whether the decoder makes anything of a prior and its report."""
        return self.comparer is not None and self.drafter.reader is not None

    def compose(
        self, batch: Sequence[Prepared], signed: Mapping[int, Signed], drafted: Mapping[int, States]
    ) -> list[Draft | Failure]:
        """Draft a batch; a study for which the network gives nothing usable becomes a failure.

        signed, drafted : reports of priors, and findings of the drafts that stand of them, by study id.
        """
        cases = [open_case(item, signed, laid=self.comparer is not None) for item in batch]
        for case in cases:
            case.calibration = self.drafter.weights.calibration
        self._read([case.current for case in cases] + [case.prior for case in cases if case.prior])
        with self.clock.time("draft"):
            self._compare([(case, case.prior) for case in cases if case.prior])
            hear_of_priors(cases, drafted, lambda case: heard(*self._judged(case)))
            self._draft(cases)
            return [self._finish(case) for case in cases]

    def _read(self, exams: Sequence[Exam]) -> None:
        """Each study and each prior alone: what the network sees, the reports most like it, its findings."""
        with self.clock.time("encode"):
            features = self.drafter.encode([exam.pixels for exam in exams])
            queries, distances = self.drafter.queries(features), self.drafter.distances(features)
        with self.clock.time("retrieve"):
            retrieved = self.retriever.retrieve([exam.study for exam in exams], queries)
        for row, exam in enumerate(exams):
            exam.features, exam.retrieved = take_features(features, [row]), retrieved[row]
            exam.distance = distances[row]
        for exam, states in zip(exams, self.drafter.read_states(*stack(exams)), strict=True):
            exam.states = states

    def _compare(self, pairs: Sequence[tuple[Case, Exam]]) -> None:
        """Each study and its prior together. A pair of which the weights make nothing stays two studies judged alone."""
        if self.comparer is None or not pairs:
            return
        current, prior = [case.current for case, _ in pairs], [before for _, before in pairs]
        readings = self.comparer.compare(
            join_features([exam.features for exam in current]),
            join_features([exam.features for exam in prior]),
            [np.stack([now.pixels.frontal, then.pixels.frontal]) for now, then in zip(current, prior, strict=True)],
            [case.prepared.registered is not None for case, _ in pairs],
            [exam.states for exam in current],
            [exam.states for exam in prior],
        )
        for (case, before), reading in zip(pairs, readings, strict=True):
            case.reading = reading if reading.valid and before.states.valid else None

    def _draft(self, cases: Sequence[Case]) -> None:
        """Write the texts. Studies that were compared are drafted apart, so that the others come out as without any prior.

        One of which the decoder makes no text with its prior is drafted without.
        """
        compared = [case for case in cases if case.reading] if self.reads_priors else []
        if compared:
            self._write(compared, self._prior(compared))
        if others := [case for case in cases if case not in compared or not case.text.text]:
            self._write(others, None)

    def _write(self, cases: Sequence[Case], prior: Prior | None) -> None:
        states = [_to_write(case, prior) for case in cases]
        said = self.drafter.indications([case.current.study.indication for case in cases])
        texts = self.drafter.draft(*stack([case.current for case in cases]), states, prior, said)
        for case, text in zip(cases, texts, strict=True):
            case.text = text

    def _prior(self, cases: Sequence[Case]) -> Prior:
        """What the decoder reads of the priors. Only what was signed: our own drafts would bear themselves out."""
        limit, tokenizer = REPORT_TOKENS, self.drafter.tokenizer
        read = [(case, case.reading) for case in cases if case.reading]
        return make_prior(
            [reading.tokens for _, reading in read],
            [tokenizer.encode(case.signed.findings, limit) if case.signed else [] for case in cases],
            [changes_of(findings_table(case)) for case in cases],
            [reading.maps * (case.prepared.registered is not None) for case, reading in read],
            [case.prepared.due.pair.days for case in cases],
        )

    def _finish(self, case: Case) -> Draft | Failure:
        item, pair = case.prepared, case.prepared.due.pair
        whole, abstained = self._judged(case)
        rows = to_tell(whole)
        height, width = _upright_shape(item)
        regions = mark_regions(rows, self._maps(case, rows), height, width)
        known = know(
            rows, regions, width, [kind for kind in _kinds(case) if kind in self.wording.kinds], _quality(case)
        )
        text, flags = final_text(case.text, known, case.current.retrieved.texts, self.wording, pair.study.uid)
        if not text:
            return Failure("model.invalid", _NOTHING, study_id=pair.study.id)
        prior = pair.prior if case.states_before else None
        comparison, comparison_spans = self._comparison(pair, known) if prior else ("", ())
        spans = mark_text(text, known, beam_states(case.text))
        priority, why = prioritise(known, text, partly="state" in self.closed.values())
        if abstained:
            priority, why = waiting(priority, abstained)
        return Draft(
            study_id=pair.study.id,
            prior_study_id=prior.id if prior else None,
            prior_reason="" if prior else item.reason or PriorReason.UNREADABLE,
            findings=text.string,
            impression=impression(known, states_told(text), self.wording),
            comparison=comparison,
            finding_rows=whole,
            spans=(*spans, *comparison_spans),
            regions=as_stored(regions, item.lie.turns, height, width),
            references=case.current.retrieved.references(case.current.states.weights),
            provenance=self._provenance(case),
            flags=(*item.flags, *(() if abstained else flags), *((Flag.UNPROVED,) if self.shadow else ())),
            confidence=min((span.confidence for span in spans if span.confidence is not None), default=None),
            priority=priority,
            priority_reason=why,
            shadow=self.shadow,
            distance=case.current.distance,
            abstained=abstained,
        )

    def _judged(self, case: Case) -> tuple[tuple[Finding, ...], str]:
        """The table with what is withheld marked, and the code of why readers get no text; "" where they get one."""
        rows = withhold(findings_table(case), self.closed)
        if self.limits is None:
            return rows, ""
        undecided = doubt(rows) if case.calibration else None  # the bound is one of calibrated probabilities
        return rows, self.limits.reason(case.current.distance, case.prepared.flags, undecided)

    def _maps(self, case: Case, rows: Sequence[Finding]) -> Maps:
        """Places on the current image: where a finding changed, if the prior lies on it, and where a positive one is seen.

        The share of a place in the evidence is weighed by how sure the finding is.
        """
        change = case.reading.maps if case.reading and case.prepared.registered is not None else None
        positive = [index for index, row in enumerate(rows[: len(FOLLOWED)]) if row.state is State.POSITIVE]
        evidence = evidence_maps(self.drafter.network, case.current.pixels.frontal, positive)[: len(FOLLOWED)]
        sure = np.array([row.probability for row in rows[: len(FOLLOWED)]], np.float32)[:, None, None]
        return Maps(change, evidence * sure, FOLLOWED)

    def _comparison(self, pair: Pair, known: Known) -> tuple[str, tuple[Span, ...]]:
        if pair.prior is None or pair.prior.studied_at is None or pair.days is None:
            return "", ()
        return comparison_sentence(known, self.wording, pair.prior.studied_at.date(), pair.days)

    def _provenance(self, case: Case) -> Provenance:
        decoding = {**asdict(self.drafter.decoding), "device": str(self.drafter.device)}
        version, item = self.retriever.index_version, case.prepared
        if version:
            decoding["retriever"] = self.retriever.name
        for name, lie in (("lie", item.lie), ("prior_lie", item.prior_lie)):
            if lie.mended:
                decoding[name] = {"turned": 90 * lie.turns, "inverted": lie.inverted}
        if self.wording != default_wording():
            decoding["wording"] = self.wording.digest
        if item.quality is not None:
            decoding["registration"] = {"version": REGISTER_VERSION, "quality": round(item.quality, 3)}
        if case.signed is not None and case.text.compared:
            decoding["prior_report"] = case.signed.report_id
        if self.drafter.network.config.reads_indication and case.current.study.indication and not case.text.compared:
            decoding["indication"] = True  # it was read; what it says stays with the study
        weights, used = self.drafter.weights, case.calibration
        if weights.reference is not None:
            decoding["reference"] = weights.reference.sha256[:12]
        calibrated = used.sha256 if used else None
        return Provenance(weights.sha256, PREPROCESS_VERSION, version, item.inputs_sha256, decoding, calibrated)


def _kinds(case: Case) -> list[str]:
    """Kinds of devices that the signed report of the prior asserts."""
    said = (claim for sentence in read(case.signed.findings) for claim in sentence.claims) if case.signed else ()
    return [claim.name for claim in said if claim.finding == DEVICES and claim.state is State.POSITIVE]


def _quality(case: Case) -> float | None:
    """Quality of the registration where the prior was laid over the current film."""
    return case.prepared.quality if case.prepared.registered is not None else None


def _upright_shape(item: Prepared) -> tuple[int, int]:
    """Height and width of the current image once it lies upright."""
    image = item.due.pair.frontal
    return (image.width, image.height) if item.lie.turns % 2 else (image.height, image.width)


def _to_write(case: Case, prior: Prior | None) -> StudyStates:
    own = case.current.states
    return to_write(own, findings_table(case)) if prior else own
