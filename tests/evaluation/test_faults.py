import pytest

from cxrreport.evaluation.candidates import NORMAL_TEXT
from cxrreport.evaluation.faults import contradictions, count_faults
from cxrreport.evaluation.judging import HEADLINE, Judge
from cxrreport.findings import FINDINGS, State
from cxrreport.reports.claims import read

P, N, U = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


def _table(**states):
    return dict.fromkeys(FINDINGS, N) | {name.replace("_", " "): state for name, state in states.items()}


def _faults(text, table=None, truth=None):
    return count_faults(read(text), table or _table(), truth or dict.fromkeys(FINDINGS, State.BLANK))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There is a pleural effusion.", 0),
        ("The lungs show atelectasis and an opacity.", 0),
        ("Possible pleural effusion.", 0),
        ("No pneumothorax.", 0),
        ("No edema.", 1),  # uncertain
        ("There is edema.", 1),
        ("Possible edema.", 0),
        ("No lung opacity.", 1),  # atelectasis is one
        ("Small left pleural effusion.", 1),
        ("There is a pleural effusion due to heart failure.", 2),
        ("There is a 3 cm pleural effusion.", 1),
        ("There is scoliosis.", 1),
        ("Normal chest.", 1),
        ("There is no mediastinal widening. The heart is normal.", 0),
    ],
)
def test_claims_without_a_licence(text, count):
    assert _faults(text, _table(pleural_effusion=P, atelectasis=P, edema=U))["unlicensed"] == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("There is a pleural effusion. No pleural effusion.", 1),
        ("There is a left pleural effusion. No right pleural effusion.", 0),
        ("There is a small effusion. No large effusion.", 0),
        ("The left pneumothorax has improved. The pneumothorax has worsened.", 1),
        ("The left pneumothorax has improved. The right pneumothorax has worsened.", 0),
        ("Normal chest. There is a pneumothorax.", 1),
        ("The lungs are clear. There is atelectasis.", 1),
        ("There is an effusion. The effusion is left. There is an effusion.", 0),
    ],
)
def test_contradictions_within_a_draft(text, count):
    assert contradictions(read(text)) == count


def test_what_differs_from_the_reference_is_counted():
    truth = dict.fromkeys(FINDINGS, State.BLANK) | {"pleural effusion": P, "cardiomegaly": P}
    found = _faults("No pleural effusion. The heart is unchanged.", _table(cardiomegaly=P, edema=P), truth)
    assert found["wrong_negatives"] == 1 and found["missed_positives"] == 1 and found["invented_comparisons"] == 1


def test_sentences_that_are_none_are_counted():
    assert (
        _faults("The right chest XXXX tip is visualized. No pneumothorax. Cardiomegaly and mediastinal contour.")[
            "broken"
        ]
        == 2
    )


def test_a_row_is_judged_study_by_study():
    truth = [dict.fromkeys(FINDINGS, State.BLANK) | {"pneumothorax": P}, dict.fromkeys(FINDINGS, State.BLANK)]
    judged = Judge(["There is a pneumothorax.", "Clear lungs."], truth)([NORMAL_TEXT, "Edema is seen."], [_table()] * 2)
    assert judged.means[HEADLINE] == [1, 1]
    assert judged.means["wrong_negatives_per_100"] == [100, 0] and judged.means["unlicensed_per_100"] == [0, 100]
    found = judged.document()
    assert found["tiers"] == {"invented": {"urgent": 1}, "wrong": {"critical": 1}}
    assert found["dimensions"] == {"invented": {"state": 1}, "wrong": {"state": 1}}
    assert found["findings"] == {"edema": {"invented": 1}, "pneumothorax": {"wrong": 1}}
