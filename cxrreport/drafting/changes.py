"""What became of each finding since the prior, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from cxrreport.drafting.confidence import confidence
from cxrreport.drafting.licences import Known
from cxrreport.drafting.wording import TOLD, Wording, finished, listed
from cxrreport.drafts import Finding, Span
from cxrreport.findings import ACUTE, CHANGED, URGENCY, Change, State, most_particular

_NO_FINDING = "no finding"

_FROM_TWO = {  # what follows from a finding's presence now and before
    (True, True): Change.UNCHANGED,
    (True, False): Change.NEW,
    (False, True): Change.RESOLVED,
    (False, False): Change.ABSENT,
}
Observed = Mapping[str, tuple[Change | None, float | None]]


def compare(
    current: Sequence[Finding], prior: Sequence[Finding] | None, observed: Observed | None = None
) -> tuple[Finding, ...]:
    """Join the findings of a study with those of its prior.

    observed : change and its probability of each finding, from weights that compare the images; the states must agree with
        it. Without, the change follows from two studies each seen alone: a finding is present where its state is
        positive, absent where it is negative or not mentioned; where either study leaves it uncertain, nothing is said of
        its change. So come new, unchanged (present in both), resolved and absent, never worsened or improved. The
        probability of the change is then that of the two presences, taken as independent.

    "no finding" has no change, and without a prior nothing has.
    """
    before = {row.finding: row for row in prior or ()}
    return tuple(_joined(row, before.get(row.finding), observed) for row in current)


def _joined(row: Finding, prior: Finding | None, observed: Observed | None) -> Finding:
    if prior is None:
        return row
    change, probability = observed.get(row.finding, (None, None)) if observed is not None else _alone(row, prior)
    return replace(
        row, prior_state=prior.state, prior_probability=prior.probability, change=change, change_probability=probability
    )


def _alone(row: Finding, prior: Finding) -> tuple[Change | None, float | None]:
    """Change of a finding of two studies that nobody has compared."""
    if row.finding == _NO_FINDING or State.UNCERTAIN in (row.state, prior.state):
        return None, None
    now, before = row.state == State.POSITIVE, prior.state == State.POSITIVE
    likely = (row.probability if now else 1 - row.probability) * (
        prior.probability if before else 1 - prior.probability
    )
    return _FROM_TWO[now, before], likely


def comparison_sentence(
    known: Known, wording: Wording, prior_date: date | None, days: int | None
) -> tuple[str, tuple[Span, ...]]:
    """Say in one sentence what changed, with a span of kind "change" on the clause of each finding.

    Gives "" where no row has a change (there is no prior). An implied finding is not named beside what implies it.
    "No change" is only said where that is known of every finding.
    """
    changes = {row.change for row in known.rows.values() if row.finding != _NO_FINDING}
    if changes <= {None}:
        return "", ()
    words = wording.comparison
    before, after = words.lead.format(when=_when(prior_date, days), clauses="\0").split("\0")
    clauses = _clauses(known, wording)
    if not clauses:
        same = changes <= {Change.UNCHANGED, Change.ABSENT}
        return f"{before}{words.no_change if same else words.unknown}{after}", ()
    text, spans = before, []
    for position, (finding, clause) in enumerate(clauses):
        text += "; " if position else ""
        sure = confidence([finding], known, (), compares=True)
        spans.append(Span("comparison", len(text), len(text) + len(clause), "change", finding, sure))
        text += clause
    return text + after, tuple(spans)


def _clauses(known: Known, wording: Wording) -> list[tuple[str, str]]:
    """(finding, clause), changed findings by urgency, then the unchanged; none where nothing has changed."""
    changes = known.changes
    told = {
        finding for change in TOLD for finding in most_particular([f for f, one in changes.items() if one is change])
    }
    order = sorted(told, key=lambda finding: (changes[finding] not in CHANGED, URGENCY.index(finding)))
    if not any(changes[finding] in CHANGED for finding in order):
        return []
    return [(f, _clause(f, changes[f], known, wording)) for f in order]


def _clause(finding: str, change: Change, known: Known, wording: Wording) -> str:
    form: str = getattr(wording.comparison, change.value)
    return form.format(name=wording.name(finding, known.sides.get(finding)))


def _when(prior_date: date | None, days: int | None) -> str:
    dated = f" of {prior_date.isoformat()}" if prior_date else ""
    if days is None:
        return dated
    if days == 0:
        return f"{dated} (the same day)"
    return f"{dated} ({days} day{'' if days == 1 else 's'} earlier)"


def impression(known: Known, doubted: Collection[str], wording: Wording) -> str:
    """Positive findings and changes in words, the most urgent first: "New pneumothorax. Cardiomegaly and atelectasis.".

    doubted : uncertain findings of which the findings section tells. "No acute abnormality" is only said where all that it
    sums up is absent.
    """
    words, changes = wording.impression, known.changes
    resolved = {finding for finding, change in changes.items() if change is Change.RESOLVED}
    told = [f for f in URGENCY if f in {*most_particular(list(known.positive))} | resolved]
    sentences = []
    for moved, group in groupby(told, key=lambda f: changes.get(f) if changes.get(f) in CHANGED else None):
        names = [wording.name(finding, known.sides.get(finding)) for finding in group]
        if moved is None:
            sentences.append(words.positive.format(list=listed(names)))
        else:
            form: str = getattr(words, moved.value)
            sentences += [form.format(name=name) for name in names]
    if possible := [wording.name(f) for f in URGENCY if f in doubted]:
        sentences.append(words.uncertain.format(list=listed(possible, "or")))
    if known.absent >= ACUTE:
        sentences.append(words.nothing_acute)
    return " ".join(finished(sentence) for sentence in sentences) or wording.nothing
