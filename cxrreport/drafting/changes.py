"""What became of each finding since the prior, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby

from cxrreport.drafting.confidence import confidence
from cxrreport.drafting.known import DEVICES, Known
from cxrreport.drafting.wording import Wording, finished, listed
from cxrreport.drafts import Finding, Span
from cxrreport.findings import ACUTE, CHANGED, FINDINGS, PARENTS, PATHOLOGY, STEADY, URGENCY, Change, State
from cxrreport.model.tie import Tie

_NO_FINDING = "no finding"

_FROM_TWO = {  # what follows from a finding's presence now and before
    (True, True): Change.UNCHANGED,
    (True, False): Change.NEW,
    (False, True): Change.RESOLVED,
    (False, False): Change.ABSENT,
}
_DENIED = (State.NEGATIVE, State.BLANK)
Observed = Mapping[str, tuple[Change, float]]


def compare(
    current: Sequence[Finding],
    prior: Sequence[Finding] | None,
    observed: Observed | None = None,
    tie: Tie | None = None,
) -> tuple[Finding, ...]:
    """Join the findings of a study with those of its prior, each as its own film shows them. tie : the default of `Tie`.

    observed : change and its probability of each finding, from weights that compare the images. It is told where the two
        states agree with it: new needs a finding that is positive now and was not, resolved one that was and is not,
        worsened, unchanged and improved one that is positive in both, absent one that is denied in both; else nothing is
        told; what has worsened and is denied of the prior is new; what has no degree (`STEADY`) is neither worse nor better.
        A state moves only where the pair is sure (`Tie`) of a change: to positive if it is new, worse or better, to negative
        if it has resolved. One of the prior moves only if it is uncertain.
        Without, the change follows from the two states: new, unchanged, resolved or absent, never worsened or improved;
        where either is uncertain nothing is told. The probability of the change is then that of the two presences, taken
        as independent.

    "no finding" has no change and follows the others. Without a prior nothing has a change.
    """
    if prior is None:
        return tuple(current)
    before = {row.finding: row for row in prior}
    rows = tuple(_joined(row, before[row.finding], observed, tie or Tie()) for row in current)
    return _follow_others(current, rows)


def _joined(row: Finding, prior: Finding, observed: Observed | None, tie: Tie) -> Finding:
    beside = replace(row, prior_state=prior.state, prior_probability=prior.probability)
    if observed is None:
        change, likely = _alone(row, prior)
    elif row.finding in observed:
        beside = _moved(beside, *observed[row.finding], tie)
        change, likely = _agreed(beside, *observed[row.finding])
    else:
        change, likely = None, None
    return replace(beside, change=change, change_probability=likely)


def _moved(row: Finding, change: Change, likely: float, tie: Tie) -> Finding:
    """A finding of which the pair is evidence that the films alone are not: only where it is sure of a change.

    What the prior left undecided the pair decides; what stands of the prior it does not move.
    """
    if change not in CHANGED or likely < (tie.vanish if change is Change.RESOLVED else tie.appear):
        return row
    if row.prior_state is State.UNCERTAIN:
        row = _before(row, likely, had=change is not Change.NEW)
    had = row.prior_state is State.POSITIVE
    if change is Change.RESOLVED and had and row.state not in _DENIED:
        return replace(row, state=State.NEGATIVE, probability=min(row.probability, 1 - likely))
    comes = change is Change.WORSENED or had is (change is Change.IMPROVED)
    if change is not Change.RESOLVED and comes and row.state is not State.POSITIVE:
        return replace(row, state=State.POSITIVE, probability=max(row.probability, likely))
    return row


def _before(row: Finding, likely: float, *, had: bool) -> Finding:
    """The finding with an undecided prior decided."""
    known = row.prior_probability or 0.0
    if had:
        return replace(row, prior_state=State.POSITIVE, prior_probability=max(known, likely))
    return replace(row, prior_state=State.NEGATIVE, prior_probability=min(known, 1 - likely))


def _agreed(row: Finding, change: Change, likely: float) -> tuple[Change | None, float | None]:
    """The change, where the states now and before agree with it."""
    now, had = row.state is State.POSITIVE, row.prior_state is State.POSITIVE
    if change is Change.WORSENED and row.prior_state in _DENIED:
        change = Change.NEW  # nobody has told of it before
    graded = row.finding not in STEADY and now and had
    fits = {
        Change.NEW: now and not had,
        Change.WORSENED: graded,
        Change.IMPROVED: graded,
        Change.RESOLVED: had and row.state in _DENIED,
        Change.ABSENT: row.state in _DENIED and row.prior_state in _DENIED,
    }
    return (change, likely) if fits.get(change, now and had) else (None, None)


def _follow_others(alone: Sequence[Finding], rows: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """ "No finding" is blank beside a pathology that a pair has brought, and positive where it has taken the last one away."""
    moved = any(row.state is not film.state for row, film in zip(rows, alone, strict=True))
    if not moved:
        return rows
    state = no_finding({row.finding: row.state for row in rows})
    return tuple(replace(row, state=state) if row.finding == _NO_FINDING else row for row in rows)


def no_finding(states: Mapping[str, State], abnormal: Sequence[State] = (State.POSITIVE,)) -> State:
    """State of "no finding" beside those of the others: positive where no pathology is `abnormal`."""
    return State.BLANK if any(states[FINDINGS[index]] in abnormal for index in PATHOLOGY) else State.POSITIVE


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

    An implied finding is not named beside what implies it.
    "No change" is only said where that is known of every finding.
    """
    changes = {row.change for row in known.rows.values() if row.finding != _NO_FINDING}
    words = wording.comparison
    before, after = words.lead.format(when=_when(prior_date, days), clauses="\0").split("\0")
    if changes <= {Change.UNCHANGED, Change.ABSENT}:
        return f"{before}{words.no_change}{after}", ()
    clauses = _clauses(known, wording)
    if not clauses:
        return f"{before}{words.unknown}{after}", ()
    text, spans = before, []
    for position, (finding, clause) in enumerate(clauses):
        text += "; " if position else ""
        sure = confidence([finding], known, (), compares=True)
        spans.append(Span("comparison", len(text), len(text) + len(clause), "change", finding, sure))
        text += clause
    return text + after, tuple(spans)


def _clauses(known: Known, wording: Wording) -> list[tuple[str, str]]:
    """(finding, clause), changed findings by urgency, then the unchanged."""
    changes = known.changes
    told = [finding for finding in known.spoken if finding in changes]
    order = sorted(told, key=lambda finding: changes[finding] not in CHANGED)
    return [(f, wording.phrase(wording.comparison, f, changes[f], known.sides.get(f))) for f in order]


def _when(prior_date: date | None, days: int | None) -> str:
    dated = f" of {prior_date.isoformat()}" if prior_date else ""
    if days is None:
        return dated
    if days == 0:
        return f"{dated} (the same day)"
    return f"{dated} ({days} day{'' if days == 1 else 's'} earlier)"


def impression(known: Known, told: Mapping[str, State], wording: Wording) -> str:
    """Positive findings and changes in words, the most urgent first: "New pneumothorax. Cardiomegaly and atelectasis.".

    Devices come last. told : state of each finding of which the findings section tells; those that are uncertain there are
    possible, and where nothing else is to be said those that are acute and absent are denied. "No acute abnormality" is only
    said where all that it sums up is absent.
    """
    words, changes = wording.impression, known.changes
    sentences, last = list[str](), list[str]()
    for (of_devices, moved), group in groupby(
        known.spoken, key=lambda f: (f == DEVICES, changes.get(f) if changes.get(f) in CHANGED else None)
    ):
        if moved is None:
            said = [words.positive.format(list=listed([wording.name(f, known.sides.get(f)) for f in group]))]
        else:
            said = [wording.phrase(words, f, moved, known.sides.get(f)) for f in group]
        (last if of_devices else sentences).extend(said)
    if possible := [wording.name(f) for f in URGENCY if told.get(f) is State.UNCERTAIN]:
        sentences.append(words.uncertain.format(list=listed(possible, "or")))
    if known.absent >= ACUTE:
        sentences.append(words.nothing_acute)
    if not sentences and (denied := _denied(told)):
        sentences.append(words.absent.format(list=listed([wording.name(f) for f in denied], "or")))
    return " ".join(finished(sentence) for sentence in (*sentences, *last) or (wording.nothing,))


def _denied(told: Mapping[str, State]) -> list[str]:
    """What is acute and absent, by urgency, without what is absent with something more general."""
    absent = {finding for finding in ACUTE if told.get(finding) is State.NEGATIVE}
    return [f for f in URGENCY if f in absent and not absent & {*PARENTS.get(f, ())}]
