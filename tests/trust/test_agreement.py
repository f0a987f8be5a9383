"""A draft beside what was signed, claim by claim."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.drafts import Finding
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.mistakes import Verdict
from cxrreport.store.agreement import Beside, Compared, Judgement, SignedText
from cxrreport.trust.agreement import edit_share, judge_draft

BLANK, POSITIVE, NEGATIVE, UNCERTAIN = State.BLANK, State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


def told(text: str, signed: str, prior: str | None = None, labels: Any = None, **states: Any) -> Judgement:
    """Judge a draft whose table has these findings (an underscore is a space), or what is given of them."""
    given = {name.replace("_", " "): value for name, value in states.items()}
    rows = tuple(
        value if isinstance(value := given.get(f, BLANK), Finding) else Finding(f, value, 0.5) for f in FINDINGS
    )
    before = None if prior is None else SignedText(prior, {})
    found = judge_draft(Beside(text, rows, prior is not None, SignedText(signed, labels or {}), before))
    assert found is not None
    return found


def of(found: Judgement, finding: str) -> Compared:
    """What came of one finding."""
    (one,) = (one for one in found.findings if one.mistake.finding == finding)
    return one


def test_what_both_tell_agrees() -> None:
    found = told("There is a pleural effusion.", "There is a left pleural effusion.", pleural_effusion=POSITIVE)
    one = of(found, "pleural effusion")
    assert (one.drafted, one.signed) == (POSITIVE, POSITIVE) and one.mistake.verdict is Verdict.PARTIAL  # no side
    assert found.errors == 0 and 0 < found.edits < 1


def test_an_invention_and_a_miss_are_errors() -> None:
    found = told(
        "There is a pneumothorax.", "There is pulmonary edema. The heart is not enlarged.", pneumothorax=POSITIVE
    )
    assert of(found, "pneumothorax").mistake.verdict is Verdict.INVENTED
    assert of(found, "edema").mistake.verdict is Verdict.MISSED
    assert of(found, "lung opacity").signed is POSITIVE  # edema implies it
    assert found.errors == 2


def test_what_a_drafted_finding_implies_is_drafted_as_it_is_signed() -> None:
    found = told("The heart is enlarged.", "The heart is enlarged.", cardiomegaly=POSITIVE)
    one = of(found, "enlarged cardiomediastinum")
    assert (one.drafted, one.signed) == (POSITIVE, POSITIVE) and found.errors == 0


def test_what_neither_tells_has_no_row() -> None:
    found = told("No pleural effusion is seen.", "The lungs are clear. No effusion.", pleural_effusion=NEGATIVE)
    assert (found.findings, found.errors) == ([], 0)


def test_a_withheld_finding_is_judged_by_its_table() -> None:
    withheld = Finding("pneumothorax", POSITIVE, 0.9, withheld="state")
    right = told("The heart is normal in size.", "There is a small pneumothorax.", pneumothorax=withheld)
    assert of(right, "pneumothorax").mistake.verdict is Verdict.CORRECT and right.errors == 0
    wrong = told("The heart is normal in size.", "There is no pneumothorax.", pneumothorax=withheld)
    assert of(wrong, "pneumothorax").mistake.verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("drafted", "signed", "verdict"),
    [
        (UNCERTAIN, "There is no pneumothorax.", Verdict.CORRECT),
        (UNCERTAIN, "The lungs are clear.", Verdict.CORRECT),
        (UNCERTAIN, "There is a small pneumothorax.", Verdict.MISSED),
        (UNCERTAIN, "Possible small pneumothorax.", Verdict.CORRECT),
        (POSITIVE, "Possible small pneumothorax.", Verdict.CORRECT),
        (POSITIVE, "The lungs are clear.", Verdict.INVENTED),
        (NEGATIVE, "Possible small pneumothorax.", Verdict.MISSED),
    ],
)
def test_a_doubt_in_a_withheld_row_is_no_call(drafted: State, signed: str, verdict: Verdict) -> None:
    row = Finding("pneumothorax", drafted, 0.5, withheld="state")
    found = told("The heart is normal in size.", signed, pneumothorax=row)
    verdicts = {one.mistake.finding: one.mistake.verdict for one in found.findings}
    assert verdicts.get("pneumothorax", Verdict.CORRECT) is verdict


def test_the_change_is_what_the_report_says_else_what_both_reports_say() -> None:
    effusion = Finding("pleural effusion", POSITIVE, 0.9, NEGATIVE, 0.1, Change.NEW, 0.8)
    text = "A pleural effusion has developed since the prior study."
    said = told(text, "There is an unchanged pleural effusion.", "The heart is large.", pleural_effusion=effusion)
    assert of(said, "pleural effusion").signed_change is Change.UNCHANGED
    both = told(text, "There is a pleural effusion.", "The lungs are clear.", pleural_effusion=effusion)
    assert of(both, "pleural effusion").signed_change is Change.NEW
    gone = told("The lungs are clear.", "The lungs are clear.", "There is a pleural effusion.")
    assert of(gone, "pleural effusion").signed_change is Change.RESOLVED
    nobody = told(text, "There is a pleural effusion.", "There is a pleural effusion.", pleural_effusion=effusion)
    assert of(nobody, "pleural effusion").signed_change is None


def test_an_addendum_that_takes_back_what_was_said_holds() -> None:
    labels = {"pneumothorax": NEGATIVE}
    signed = "There is a pneumothorax. Addendum: On second look there is no pneumothorax."
    found = told("No pneumothorax is seen.", signed, labels=labels, pneumothorax=NEGATIVE)
    assert found.errors == 0


def test_another_language_tells_nothing() -> None:
    rows = tuple(Finding(f, BLANK, 0.1) for f in FINDINGS)
    signed = SignedText("Herz normal gross, kein Pneumothorax und kein Pleuraerguss rechts oder links nachweisbar.", {})
    assert judge_draft(Beside("The heart is normal.", rows, False, signed, None)) is None


@pytest.mark.parametrize(
    ("draft", "signed", "share"),
    [
        ("The heart is normal.", "The heart is normal.", 0.0),
        ("", "", 0.0),
        ("The heart is normal.", "", 1.0),
        ("The heart is large.", "The heart is very large.", 1 / 6),  # "." is a word
    ],
)
def test_edits(draft: str, signed: str, share: float) -> None:
    assert edit_share(draft, signed) == pytest.approx(share)


WORDS = st.lists(st.sampled_from(["heart", "lungs", "clear", "large"]), max_size=8).map(" ".join)


@given(a=WORDS, b=WORDS)
def test_edits_are_the_same_both_ways_and_none_where_nothing_differs(a: str, b: str) -> None:
    assert edit_share(a, b) == edit_share(b, a) and 0 <= edit_share(a, b) <= 1
    assert (edit_share(a, b) == 0) == (a == b)
