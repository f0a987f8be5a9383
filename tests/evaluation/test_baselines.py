import pytest

from cxrreport.evaluation import language
from cxrreport.evaluation.baselines import constant_report, distinct, hallucination_rate


def _bleu(hypotheses, references):
    return language.bleu(hypotheses, references)[0]


def test_constant_report_is_chosen_on_validation():
    train = ["a b c", "a b c", "x y z", "d e f"]
    assert constant_report(train, ["x y q", "x y z"], _bleu) == "x y z"
    assert constant_report(train, ["q"], _bleu) == "a b c"  # all score alike: the most frequent


def test_rare_reports_are_not_tried():
    train = [f"common {i}" for i in range(50) for _ in range(2)] + ["rare one"]
    assert constant_report(train, ["rare one"], _bleu) != "rare one"


def test_constant_report_needs_reports():
    with pytest.raises(ValueError):
        constant_report([], ["a"], _bleu)


def test_hallucination_rate():
    assert hallucination_rate(["Heart is unchanged.", "Clear lungs.", "No new opacity.", "Normal."]) == 0.5
    assert hallucination_rate([]) == 0


def test_distinct_overlooks_case_and_space():
    assert distinct(["Clear lungs.", "clear  lungs.", "Effusion."]) == 2
