import time
from dataclasses import fields
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.reports.sections import Sections, clean, cut, split
from cxrreport.reports.sentences import pieces, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EXAM: CHEST PA\nIndication: cough\nCOMPARISON: None.\n\nFINDINGS:\nClear.\nIMPRESSION:\nNormal.",
         Sections("Clear.", "Normal.", "None.", "cough", "CHEST PA")),
        ("COMPARISON: 2020. FINDINGS: Small effusion. IMPRESSION: Effusion.",
         Sections("Small effusion.", "Effusion.", "2020.")),
        ("The lungs are clear.\n\nNo acute disease.", Sections("The lungs are clear.\n\nNo acute disease.")),
        ("The lungs are clear.\nIMPRESSION: Normal.", Sections("The lungs are clear.", "Normal.")),
        ("There is the impression: of a mass. In summary, clear.",
         Sections("There is the impression: of a mass. In summary, clear.")),
        ("PATIENT NAME: DOE\nDATE: 2020-01-01\nFINDINGS: Clear.\nDICTATED BY: Dr. X", Sections("Clear.")),
        ("Indication: Cough Comparison: None. Technique: PA. Findings: Clear. Impression: Normal.",
         Sections("Clear.", "Normal.", "None.", "Cough", "PA.")),
        ("CLINICAL HISTORY: COUGH. COMPARISON: NONE FINDINGS: THE LUNGS ARE CLEAR. IMPRESSION: NORMAL.",
         Sections("THE LUNGS ARE CLEAR.", "NORMAL.", "NONE", "COUGH.")),
        ("COMPARISON: None available. Rotated. IMPRESSION: Normal.", Sections("Rotated.", "Normal.", "None available.")),
        ("COMPARISON: None available\nIMPRESSION: Normal.", Sections("", "Normal.", "None available")),
        ("FINDINGS: Clear.\nIMPRESSION:\n1. Normal.\n2. No effusion.\nElectronically signed by Dr. X on 2020-01-01",
         Sections("Clear.", "1. Normal.\n2. No effusion.")),
        ("XR CHEST 2 VIEWS\n\nIMPRESSION: Normal.", Sections("", "Normal.", technique="XR CHEST 2 VIEWS")),
        ("CXR 2 VIEWS 1/2/2020 10:30 AM\nHISTORY: Cough.\nCOMPARISON: 2019\n\nHeart normal.\n\nIMPRESSION: Normal.",
         Sections("Heart normal.", "Normal.", "2019", "Cough.", "CXR 2 VIEWS 1/2/2020 10:30 AM")),
        ("Portable chest\nThe lungs are clear.", Sections("The lungs are clear.", technique="Portable chest")),
        ("Chest clear\nHeart normal.", Sections("Chest clear\nHeart normal.")),
    ],
)  # fmt: skip
def test_a_report_is_split_by_its_headings(text, expected):
    assert split(text) == expected


@pytest.mark.parametrize(
    "heading",
    ["FINDINGS AND IMPRESSION:", "Findings/Impression:", "IMPRESSION AND FINDINGS:", "FINDINGS & IMPRESSION\n"],
)
def test_joint_heading_is_findings(heading):
    assert split(f"{heading} Clear lungs.") == Sections(findings="Clear lungs.")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("**FINDINGS:**", "**IMPRESSION:**"),
        ("FINDINGS\n", "CONCLUSION\n"),
        ("1. Findings:", "2. Impression:"),
        ("[FINDINGS]\n", "[IMPRESSION]\n"),
        ("Finding -", "Opinion -"),
        ("PA AND LATERAL VIEWS OF THE CHEST:", "Impression:"),
        ("Report:", "Summary:"),
    ],
)
def test_spellings_of_headings(first, second):
    assert split(f"{first} Small effusion.\n{second} Effusion.") == Sections("Small effusion.", "Effusion.")


@pytest.mark.parametrize(
    "text",
    [
        "COMPARISON: 2020.\n\nThe lungs are clear.\n\nIMPRESSION: Normal.",
        "COMPARISON: 2020. The lungs are clear. IMPRESSION: Normal.",
        "COMPARISON: 2020 The lungs are clear. IMPRESSION: Normal.",
    ],
)
def test_findings_without_a_heading_are_told_from_the_section_before(text):
    assert split(text) == Sections("The lungs are clear.", "Normal.", text[12:16] + ("." if text[16] == "." else ""))


@pytest.mark.parametrize(
    "text",
    [
        "FINDINGS: Clear.\nIMPRESSION: Normal.\nADDENDUM: Nodule.",
        "ADDENDUM #1 by Dr. X on 2020-01-01: Nodule.\n\nFINAL REPORT\nFINDINGS: Clear.\nIMPRESSION: Normal.",
        "ADDENDUM START\nNodule.\nADDENDUM END\nFINDINGS: Clear.\nIMPRESSION: Normal.",
        "ADDENDUM: Nodule.\n\nClear.\n\nIMPRESSION: Normal.",
    ],
)
def test_addendum_before_and_after(text):
    assert split(text) == Sections("Clear.", "Normal.", addendum="Nodule.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ADDENDUM:\nIMPRESSION: Small pneumothorax.", Sections(addendum="IMPRESSION: Small pneumothorax.")),
        (
            "FINDINGS: Clear.\nIMPRESSION: Normal.\nADDENDUM: Seen again.\nIMPRESSION: Nodule.\nFINDINGS: Small.",
            Sections("Clear.", "Normal.", addendum="Seen again.\nIMPRESSION: Nodule.\nFINDINGS: Small."),
        ),
        ("FINDINGS: Clear.\nADDENDUM: Nodule.\nIMPRESSION: Normal.", Sections("Clear.", "Normal.", addendum="Nodule.")),
        (
            "ADDENDUM:\nIMPRESSION: Nodule.\nORIGINAL REPORT\nFINDINGS: Clear.\nIMPRESSION: Normal.",
            Sections("Clear.", "Normal.", addendum="IMPRESSION: Nodule."),
        ),
        ("ADDENDUM:\n\nFINDINGS: Clear.\nIMPRESSION: Normal.", Sections("Clear.", "Normal.")),
        (
            "FINDINGS: Clear. IMPRESSION: Normal. ADDENDUM: Seen. COMPARISON: 2019. IMPRESSION: Nodule.",
            Sections("Clear.", "Normal.", comparison="2019.", addendum="Seen.\n\nAddendum: Nodule."),
        ),
    ],
)
def test_what_an_addendum_says_is_its_own_headed_or_not(text, expected):
    assert split(text) == expected


@pytest.mark.parametrize(
    "heading",
    [
        "Addendum (01/02/2024): ", "ADDENDUM 1/2/2024 10:30 AM: ", "ADDENDED REPORT: ", "Addendum created by Dr. X: ",
        "Late addendum: ", "Addendum, 2 Jan 2024: ", "ADDENDUM #1 (2024-01-02)\n",
        "Addendum by J. SMITH, MD on 1/2/2024 at 10:30 AM: ",
    ],
)  # fmt: skip
def test_how_addenda_are_headed(heading):
    assert split(f"{heading}Small pneumothorax.") == Sections(addendum="Small pneumothorax.")


def test_a_long_text_is_split_in_linear_time():
    text = "the Impression: of a mass. " * 20_000 + "1 " * 100_000 + "PA and " * 20_000
    start = time.process_time()
    split(text)
    assert time.process_time() - start < 5


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_split_never_invents_words(text):
    found = split(text)
    parts = (getattr(found, field.name) for field in fields(found))
    assert all(word in text for part in parts for word in part.split())


def test_clean_follows_the_published_recipe():
    text = "1. Heart size is normal.\n2. No pleural   effusion, or pneumothorax... ___ T-spine: 3.3 mm"
    assert clean(text) == "heart size is normal . no pleural effusion or pneumothorax . tspine 33 mm ."
    assert clean("XXXX ..") == "xxxx ."
    assert clean(" \n.") == ""


@given(st.text(alphabet="aB .,\n_1-é", max_size=80))
@settings(max_examples=150, deadline=None)
def test_clean_is_lower_case_words_and_ends_with_a_stop(text):
    cleaned = clean(text)
    assert cleaned == "" or (cleaned.endswith(" .") and cleaned == cleaned.lower() and "  " not in cleaned)


def test_cut_counts_words():
    assert cut("a b  c d", 3) == "a b c"
    assert cut("a b", 3) == "a b"


def test_sentences_know_decimals_lists_abbreviations_and_lost_spaces():
    text = "1. A 3.3 mm nodule.\n2. Atelectasis vs. pneumonia\nof the base. Left apex.There is more"
    assert [text[slice(*span)] for span in sentences(text)] == [
        "A 3.3 mm nodule.", "Atelectasis vs. pneumonia\nof the base.", "Left apex.", "There is more",
    ]  # fmt: skip


@given(st.text(alphabet="aB .\n12)-", max_size=60))
@settings(max_examples=150, deadline=None)
def test_sentence_spans_are_ordered_and_lose_no_word(text):
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    kept = "".join(text[slice(*span)] for span in spans)
    assert kept.count("a") == text.count("a")


@given(st.text(alphabet="ab. \n", max_size=80), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_pieces_are_sentences_cut_short(text, longest):
    cut = pieces(text, longest)
    assert all(0 < end - start <= longest for start, end in cut)
    assert "".join(text[slice(*span)] for span in cut) == "".join(text[slice(*span)] for span in sentences(text))
    assert pieces(text, 100) == sentences(text)
