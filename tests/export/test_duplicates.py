"""Reports that say the same are found; one word that matters keeps two apart, however long they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.export.duplicates import group_alike

NORMAL = "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax. No acute disease."
LONG = " ".join([NORMAL, *(f"Rib {number} on the left is intact and there is no fracture." for number in range(30))])


def alike(one, other):
    return group_alike([one, other]) == [[0, 1]]


@pytest.mark.parametrize(
    "other",
    [
        NORMAL.upper(),
        NORMAL.replace(". ", ".\n\n"),
        "Heart normal in size. Lungs clear. No pleural effusion or pneumothorax is seen. No acute disease",
        "1. The heart is normal in size. 2. The lungs are clear. 3. No pleural effusion or pneumothorax. 4. No acute disease.",
        "XXXX The heart is normal in size. The lungs are XXXX clear. No pleural effusion, or pneumothorax. No acute disease.",
        "The heart is normal in size. ___ The lungs are clear. [**2020-1-1**] No pleural effusion or pneumothorax. No acute "
        "disease!",
    ],
)
def test_case_signs_placeholders_and_fillers_are_no_difference(other):
    assert alike(NORMAL, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("No effusion.", "Effusion."),
        ("Without effusion.", "With effusion."),
        ("Left effusion.", "Right effusion."),
        ("Left effusion, right nodule.", "Right effusion, left nodule."),
        ("No effusion. Pneumothorax.", "No pneumothorax. Effusion."),
        ("No effusion or pneumothorax. Edema.", "No effusion or pneumothorax or edema."),
        ("Heart: normal; lungs: large.", "Heart: large; lungs: normal."),
        ("Pneumonia.", "Pneumonia?"),
        ("Nodule of 1.5 cm.", "Nodule of 15 cm."),
        ("A nodule of 2. Clear.", "A nodule of 3. Clear."),
        ("Nodule < 1 cm.", "Nodule > 1 cm."),
        ("Small effusion.", "Large effusion."),
        ("Effusion. Mass. It has grown.", "Mass. Effusion. It has grown."),
        ("Stable.", "Unstable."),
        ("There is a mass.", "There was a mass."),
    ],
)
@pytest.mark.parametrize("frame", ["{}", "{} " + LONG, LONG + " {}", f"{NORMAL} {{}} {LONG}"])
def test_what_matters_keeps_short_and_long_reports_apart(one, other, frame):
    assert not alike(frame.format(one), frame.format(other))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on the left is intact", "on the right is intact"),
        ("there is no fracture", "there is a fracture"),
        ("clear", "hyperexpanded"),
        ("effusion", "thickening"),
    ],
)
def test_one_word_within_a_long_report(old, new):
    other = LONG.replace(old, new, 1)
    words = {(a, b) for a, b in zip(LONG.split(), LONG.split()[1:])}
    others = {(a, b) for a, b in zip(other.split(), other.split()[1:])}
    assert len(words & others) / len(words | others) > 0.9  # a share of common words would take them for one
    assert not alike(LONG, other)


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        (["A mass.", "Clear.", "mass", "Clear lungs.", "Clear", "the MASS!"], [[0, 2, 5], [1, 4], [3]]),
        (["", "", " ___ ", "XXXX.", "Clear."], [[0], [1], [2], [3], [4]]),  # without a word: like no other
        ([NORMAL, NORMAL + " Small left effusion."], [[0], [1]]),
        ([], []),
    ],
)
def test_texts_are_grouped_in_order(texts, groups):
    assert group_alike(texts) == groups


@given(st.lists(st.sampled_from(["Clear.", "clear", "No mass.", "Mass.", "", "The lungs"]), max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_text_is_in_one_group_and_equal_texts_are_in_the_same(texts):
    groups = group_alike(texts)
    assert sorted(place for group in groups for place in group) == list(range(len(texts)))
    assert all(groups) and groups == sorted(groups) and all(group == sorted(group) for group in groups)
    home = {place: number for number, group in enumerate(groups) for place in group}
    assert all((texts[a] == texts[b]) <= (home[a] == home[b]) for a in home for b in home if texts[a])
