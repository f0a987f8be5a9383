import pytest

from cxrreport.evaluation.protocols import clean_r2gen, protocol

TRAIN = ["The heart is normal. X-ray is clear."] * 3 + ["Rare granuloma."]


@pytest.mark.parametrize(
    ("report", "cleaned"),
    [
        ("The heart is normal. No effusion.", "the heart is normal . no effusion ."),
        ("Follow-up x-ray.. Clear", "follow-up x-ray . clear ."),  # hyphens stay, doubled stops go
        ("1. Normal heart. 2. Clear lungs. 3. None", "normal heart . clear lungs . none ."),
        ('Size: 1.5 cm (old) [a], [b]; "c" and/or d\'s', "size 15 cm old a b c andor ds ."),
        ("Heart size > 3 < 4", "heart size  3  4 ."),
        ("", " ."),
    ],
)
def test_cleaning_as_r2gen(report, cleaned):
    assert clean_r2gen(report) == cleaned


def test_c_compares_all_words_of_the_cleaned_report():
    form = protocol("C", TRAIN)
    report = "Rare granuloma, x-ray. " + "Long sentence here. " * 60
    assert form.reference(report) == form.hypothesis(report)
    assert form.reference(report).startswith("rare granuloma xray .") and len(form.reference(report).split()) == 244


def test_r_takes_rare_words_from_references_alone():
    form = protocol("R", TRAIN)
    assert form.reference("Rare granuloma. X-ray is normal.") == "<unk> <unk> . x-ray is normal ."
    assert form.hypothesis("Rare granuloma. X-ray is normal.") == "rare granuloma . x-ray is normal ."


def test_r_cuts_as_r2gen_does():
    """Sixty tokens with the begin token make fifty-nine words; a draft may have sixty."""
    form = protocol("R", TRAIN)
    long = "heart " * 80
    assert len(form.reference(long).split()) == 59 and len(form.hypothesis(long).split()) == 60


def test_r_learns_its_words_from_train_with_three_occurrences():
    assert protocol("R", ["clear clear", "clear dim dim"]).reference("clear dim") == "clear <unk> <unk>"
    assert protocol("R", ["a. b.", "a. b.", "a. c."]).reference("a b c.") == "a <unk> <unk> ."


def test_there_is_no_other_protocol():
    with pytest.raises(KeyError):
        protocol("X", TRAIN)
