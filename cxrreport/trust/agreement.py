"""Each draft beside what was signed of its study, claim by claim: the truth that a hospital has for nothing.

Of a finding counts what the table of the draft says, with what it implies, as in a report; how it is told, its side, severity
and change, is judged in the text by the same rules as in `evaluate` (evaluation/mistakes.py). What is withheld from readers is
judged by the table alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cxrreport.drafts import Finding
from cxrreport.evaluation.mistakes import Key, Told, judge, tell
from cxrreport.findings import CHANGED, FINDINGS, OTHER, Change, State, tier
from cxrreport.log import Progress, unwatched
from cxrreport.mistakes import Dimension, Mistake, Verdict
from cxrreport.reports.claims import read
from cxrreport.reports.labels import rules, signed_states, with_parents
from cxrreport.reports.language import is_english_report
from cxrreport.reports.sections import clean
from cxrreport.store import agreement
from cxrreport.store.agreement import Beside, Compared, Judgement, Pending, SignedText

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

JUDGE_VERSION = 1  # raised with every change that judges otherwise
_PAGE = 200
_THERE = (State.POSITIVE, State.UNCERTAIN)
_JOINT = {(True, False): Change.NEW, (False, True): Change.RESOLVED, (False, False): Change.ABSENT}
Transact = Callable[..., Any]


def judge_drafts(transact: Transact, progress: Progress = unwatched, stops: Callable[[], bool] = lambda: False) -> int:
    """Judge every draft that was not yet judged beside what is signed now; return of how many something could be said.

    transact : does work in one transaction, given as a function of a session and arguments. stops : asks to end early; what
    is left is judged the next time.
    """
    version, after, judged = f"{JUDGE_VERSION} {rules()}", 0, 0
    until = transact(agreement.last_draft)
    progress("trust", 0, until)
    while not stops():
        last, found = transact(_judge_page, version, after, until)
        if last is None:
            break
        judged += found
        progress("trust", last - after)
        after = last
    return judged


def _judge_page(session: Session, version: str, after: int, until: int) -> tuple[int | None, int]:
    last, found = agreement.pending(session, version, after, until, _PAGE)
    return last, sum(_judge(session, one, told) for one, told in agreement.beside(session, found))


def _judge(session: Session, one: Pending, told: Beside | None) -> bool:
    made = judge_draft(told) if told else None
    agreement.save_judgement(session, one, made)
    return made is not None


def judge_draft(told: Beside) -> Judgement | None:
    """Judge one draft; None where the signed text is not in English, so that nothing can be told of it."""
    if is_english_report(told.signed.text, "") is False:
        return None
    drafted, signed = tell(read(told.text)), _signed(told.signed)
    implied = with_parents({row.finding: row.state for row in told.rows})
    rows = {row.finding: replace(row, state=implied[row.finding]) for row in told.rows}
    withheld = {finding for finding, row in rows.items() if row.withheld == "state"}
    by_text = {_key(one): one for one in judge(drafted, signed) if one.finding not in withheld}
    states = signed_states(told.signed.text, told.signed.labels)
    before = signed_states(told.prior.text, told.prior.labels) if told.prior else None
    changes = _changes(states, signed, before) if told.has_prior else {}
    findings = [
        *(_of_finding(rows[f], states[f], changes.get(f), by_text.get((f, ""))) for f in FINDINGS[:-1] if f in rows),
        *(Compared(one) for one in by_text.values() if one.finding == OTHER),
    ]
    errors = sum(one.mistake.changes_what_is_done for one in findings)
    return Judgement(errors, edit_share(told.text, told.signed.text), [one for one in findings if _tells(one)])


def _key(one: Mistake) -> Key:
    return one.finding, one.name


def _signed(signed: SignedText) -> dict[Key, Told]:
    """What the signed text tells; where a label says otherwise (an addendum takes back what was said) the label holds."""
    told = tell(read(signed.text))
    states = {(finding, ""): state for finding, state in signed.labels.items() if state is not State.BLANK}
    return {key: replace(one, state=states.get(key, one.state)) for key, one in told.items()}


def _changes(
    states: Mapping[str, State], told: Mapping[Key, Told], before: Mapping[str, State] | None
) -> dict[str, Change]:
    """What became of the findings by the signed report: as it says, else as it and that of the prior say together.

    A finding that both reports tell and whose change nobody tells has none here.
    """
    said = {finding: one.change for (finding, _), one in told.items() if finding != OTHER and one.change}
    if before is None:
        return said
    there = {finding: (states[finding] in _THERE, before[finding] in _THERE) for finding in FINDINGS}
    return {finding: _JOINT[pair] for finding, pair in there.items() if pair in _JOINT} | said


def _of_finding(row: Finding, signed: State, change: Change | None, told: Mistake | None) -> Compared:
    mistake = told or _by_table(row, signed)
    return Compared(mistake, row.state, signed, row.change, change)


def _by_table(row: Finding, signed: State) -> Mistake:
    """Verdict on a finding of which the text of the draft tells nothing, or nothing that could be compared.

    A doubt in the table is no call: it invents nothing, and finds nothing but what the report doubts too.
    """
    verdict, dimension = Verdict.CORRECT, Dimension.NONE
    if row.withheld == "state" and (row.state is State.POSITIVE) is not (signed in _THERE) and row.state is not signed:
        verdict, dimension = Verdict.MISSED, Dimension.STATE
        if row.state is State.POSITIVE:
            verdict = Verdict.WRONG if signed is State.NEGATIVE else Verdict.INVENTED
    return Mistake(row.finding, "", verdict, dimension, tier(row.finding))


def _tells(one: Compared) -> bool:
    """Whether there is anything to store: a finding that neither tells, and that has not changed, has no row."""
    there = one.drafted is State.POSITIVE or one.signed in _THERE or one.mistake.verdict is not Verdict.CORRECT
    return there or one.drafted_change in CHANGED or one.signed_change in CHANGED


# -- how much of the text was changed ---------------------------------------------------------------------------------


def edit_share(draft: str, signed: str) -> float:
    """Words to insert, delete or exchange until a draft says what was signed, as a share of the longer text; 0..1."""
    a, b = clean(draft).split(), clean(signed).split()
    return _distance(a, b) / max(len(a), len(b), 1)


def _distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Edit distance of two lists of words (Levenshtein, 1966), row by row."""
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        row = list(_next_row(row, i, word, b))
    return row[-1]


def _next_row(above: Sequence[int], first: int, word: str, words: Sequence[str]) -> Iterator[int]:
    left = first
    yield left
    for j, other in enumerate(words, 1):
        left = min(left + 1, above[j] + 1, above[j - 1] + (word != other))
        yield left
