"""The sentences of a draft against what was said of its prior: texts of the database, read by the rules, compared."""

from __future__ import annotations

from cxrreport.export.report_diff import Reading, SentenceChange, compare_sentences
from cxrreport.reports.labels import mentions
from cxrreport.reports.sentences import sentences
from cxrreport.store.views import DraftView, PriorReport

# Why a draft has no prior, in words (`draft.prior_reason`).
REASONS = {
    "prior.none": "no earlier study",
    "prior.no_frontal": "no earlier study has a frontal film",
    "prior.tie": "the order of two studies is not certain",
    "prior.date_missing": "the study has no date",
    "prior.identity": "birth date or sex differ between the studies",
    "prior.unreadable": "the film of the prior cannot be read",
    "prior.rotated": "the film of the prior is turned",
    "prior.inverted": "the grey values of the prior are inverted",
    "prior.mirrored": "the film of the prior is mirrored",
    "prior.other_view": "the film of the prior is another view than the current one",
}
# What the flags of a draft mean; the rest are told by their names (`draft.flags`).
FLAGS = {
    "registration_failed": "laying the prior over the current film crashed or took too long",
    "side_differs": "the text names a side on which no change of that finding is seen",
    "prior_unregistered": "the film of the prior could not be laid over the current one: changes have no trustworthy place",
}


def compare_with_prior(view: DraftView) -> tuple[SentenceChange, ...]:
    """Sentences of the draft's findings against what was said of the prior; () where there is nothing to compare."""
    if view.draft is None or view.prior_report is None:
        return ()
    prior = _read_report(view.prior_report)
    return compare_sentences(_read(view.draft.findings), prior) if prior.text else ()


def _read_report(report: PriorReport) -> Reading:
    """Findings and impression; what the impression says beside findings ("no acute disease") is no sentence to miss."""
    findings = report.findings.strip()
    reading = _read(f"{findings}\n\n{report.impression}".strip())
    if not findings:
        return reading
    named = [mention.start for mention in reading.mentions]
    kept = [
        (start, end)
        for start, end in reading.sentences
        if start < len(findings) or any(start <= place < end for place in named)
    ]
    return Reading(reading.text, kept, reading.mentions)


def _read(text: str) -> Reading:
    return Reading(text, sentences(text), mentions(text))
