"""The sentences of a draft against what was said of its prior: texts of the database, read by the rules, compared."""

from __future__ import annotations

from cxrreport.export.report_diff import Reading, SentenceChange, compare_sentences
from cxrreport.reports.labels import mentions
from cxrreport.reports.sentences import sentences
from cxrreport.store.views import DraftView, PriorReport


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
