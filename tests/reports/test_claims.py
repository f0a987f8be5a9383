import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.findings import Change
from cxrreport.reports.claims import read
from cxrreport.reports.labels import label
from cxrreport.reports.qualifiers import Side

EFFUSION, LUNG = "pleural effusion", "lung opacity"
NEW, WORSE, SAME, BETTER, GONE = Change.NEW, Change.WORSENED, Change.UNCHANGED, Change.IMPROVED, Change.RESOLVED
SMALL, MODERATE, MILD, LARGE = 1, 2, 1, 3
LEFT, RIGHT, BOTH = Side.LEFT, Side.RIGHT, Side.BILATERAL


def said(text):
    """Change, severity and side of what is not merely denied."""
    claims = [
        claim for sentence in read(text) for claim in sentence.claims if claim.state != "negative" or claim.change
    ]
    return {one.finding: (one.change, one.degree and one.degree.meaning.severity, one.side) for one in claims}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("New small left pleural effusion.", {EFFUSION: (NEW, SMALL, LEFT)}),
        ("No change in moderate left pneumothorax.", {"pneumothorax": (SAME, MODERATE, LEFT)}),
        ("Right effusion has increased and there is new left lower lobe atelectasis.",
         {EFFUSION: (WORSE, None, RIGHT), "atelectasis": (NEW, None, LEFT)}),
        ("Right effusion and left atelectasis are unchanged.",
         {EFFUSION: (SAME, None, RIGHT), "atelectasis": (SAME, None, LEFT)}),
        ("Stable cardiomegaly and small left effusion.", {"cardiomegaly": (SAME, None, None), EFFUSION: (None, SMALL, LEFT)}),
        ("The heart is mildly enlarged.", {"cardiomegaly": (None, MILD, None)}),
        ("Moderate left ventricular enlargement.", {"cardiomegaly": (None, MODERATE, None)}),
        ("Pneumothorax, unchanged.", {"pneumothorax": (SAME, None, None)}),
        ("Effusion on the right is small, and has decreased since the prior study.", {EFFUSION: (BETTER, SMALL, RIGHT)}),
        ("Mild interval increase in small bilateral effusions, left greater than right.", {EFFUSION: (WORSE, SMALL, BOTH)}),
        ("Slightly increased moderate right effusion.", {EFFUSION: (WORSE, MODERATE, RIGHT)}),
        ("Moderate, stable left effusion and large pneumothorax.",
         {EFFUSION: (SAME, MODERATE, LEFT), "pneumothorax": (None, LARGE, None)}),
        ("Again seen is a left PICC with its tip in the right atrium.", {"support devices": (SAME, None, LEFT)}),
        ("Persistent but decreased left effusion.", {EFFUSION: (BETTER, None, LEFT)}),
        ("Bibasilar atelectasis, worse on the left than on the right.", {"atelectasis": (None, None, BOTH)}),
        ("Interval improvement in left base consolidative opacity.",
         {"consolidation": (BETTER, None, LEFT), LUNG: (BETTER, None, LEFT)}),
        ("Possible small effusion.", {EFFUSION: (None, SMALL, None)}),
        ("Small left and moderate right effusions.", {EFFUSION: (None, MODERATE, BOTH)}),
        ("Increased opacity in the right base.", {LUNG: (None, None, RIGHT)}),  # it may merely be white
        ("Opacity has increased.", {LUNG: (WORSE, None, None)}),
        ("The effusion has resolved.", {EFFUSION: (GONE, None, None)}),
        ("Interval resolution of the right effusion.", {EFFUSION: (GONE, None, RIGHT)}),
        ("Effusion is no longer seen.", {EFFUSION: (GONE, None, None)}),
        ("Near-complete resolution of the effusion.", {EFFUSION: (BETTER, None, None)}),
        ("Resolving effusion.", {EFFUSION: (BETTER, None, None)}),
        ("The effusion has not resolved.", {EFFUSION: (SAME, None, None)}),
        ("No new effusion. No large right effusion.", {}),
        ("History of large effusion.", {}),
        ("Tiny right pneumothorax, massive effusion.",
         {"pneumothorax": (None, 0, RIGHT), EFFUSION: (None, 3, None)}),
    ],
)  # fmt: skip
def test_words_belong_to_what_they_stand_with(text, expected):
    assert said(text) == expected


def test_claims_are_named_and_a_sentence_tells_what_is_specific():
    text = "Trachea is midline. Endotracheal tube tip above the carina, recommend retraction."
    _, sentence = read(text)
    assert [claim.name for claim in sentence.claims] == ["endotracheal tube"]
    assert [(one.kind, text[one.start : one.end]) for one in sentence.specifics] == [
        ("tip position", "tip above the carina"),
        ("recommendation", "recommend"),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The catheter tip is in the right atrium.", "tip position"),
        ("Opacity consistent with pneumonia.", "cause"),
        ("Edema due to overload.", "cause"),
        ("Follow-up is advised.", "recommendation"),
        ("History of cancer.", "history"),
        ("PA and lateral views of the chest.", "technique"),
        ("Discussed with Dr. Smith.", "name"),
        ("Stable since 3/4/2011.", "date"),
        ("No acute disease.", "summary"),
        ("The chest is normal.", "summary"),
        ("Opacity in the left lower lobe.", "place"),
        ("Opacity on the left.", "place"),
        ("Bibasal and retrocardiac opacities.", "place"),
        ("Two nodules.", "count"),
        ("Old fracture.", "acuity"),
        ("The trachea is midline.", "undecided"),
        ("The osseous structures are unremarkable.", "bones"),
    ],
)
def test_what_a_clause_says_beside_findings_is_told_by_its_kind(text, kind):
    (sentence,) = read(text)
    assert kind in {one.kind for one in sentence.specifics}


@pytest.mark.parametrize("text", ["There is a small left effusion.", "The lungs are hyperexpanded."])
def test_a_plain_sentence_says_nothing_beside_findings(text):
    (sentence,) = read(text)
    assert sentence.specifics == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Large left effusion. Small left effusion.", {EFFUSION: LEFT}),
        ("The left effusion has resolved.", {EFFUSION: LEFT}),
        ("Left effusion. Right effusion. Right edema.", {"edema": RIGHT}),
        ("No left effusion.", {}),
    ],
)
def test_a_side_is_told_where_there_is_one(text, expected):
    assert read(text).sides == expected


def test_claims_and_words_are_where_they_stand_in_the_text():
    text = "1. Heart: cardiomegaly.\n2. New  SMALL\n\u0130 left pleural\n effusion."
    first, second = read(text)
    assert [text[one.start : one.end] for one in (*first.claims, *second.claims)] == [
        "cardiomegaly",
        "pleural\n effusion",
    ]
    assert text[second.start : second.end].startswith("New")
    assert [text[word.start : word.end] for word in second.claims[0].words] == ["New", "SMALL", "left"]


WORDS = "no|new|effusion|opacity|left|right|small|and|,|.|has|increased|resolved|unchanged|in|the|stable|İ|\n|are|cardiomegaly"


@given(st.lists(st.sampled_from(WORDS.split("|")), max_size=16))
@settings(max_examples=200, deadline=None)
def test_claims_are_the_mentions_and_their_words_lie_in_the_sentence(parts):
    text = " ".join(parts)
    claims = [claim for sentence in read(text) for claim in sentence.claims]
    assert {claim.finding for claim in claims} == {f for f, state in label(text).items() if state != "blank"} - {
        "no finding"
    }
    for sentence in read(text):
        words = [word for claim in sentence.claims for word in claim.words]
        for place in (*sentence.claims, *sentence.changes, *sentence.comparisons, *words):
            assert sentence.start <= place.start < place.end <= sentence.end
            assert text[place.start : place.end].strip() == text[place.start : place.end] != ""


def test_side_agrees_with_the_codes_of_people(iu_rows):
    pairs = []
    for row in iu_rows:
        codes = [code for code in row["mesh"].split(";") if code.startswith("Pleural Effusion/")]
        coded = {*Side}.intersection("/".join(codes).split("/"))
        ours = read(f"{row['findings']}\n\n{row['impression']}").sides.get(EFFUSION)
        if row["split"] != "test" and len(coded) == 1 and ours:
            pairs.append((ours, coded.pop()))
    assert len(pairs) >= 50
    assert sum(ours == theirs for ours, theirs in pairs) / len(pairs) >= 0.95
