"""What says why a film was made, and what says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.indications import MAX_CHARACTERS, choose, clean


@pytest.mark.parametrize(
    "text",
    [
        "Chest pain", "cp", "SOB", "XXXX-year-old female with chest pain.", "Productive XXXX", "786.2", "R07.9", "MVC",
        "Routine physical", "Preop", "CHEST PORTABLE FOR LINE PLACEMENT", "COVID19", "Husten, Fieber", "Rib pain left",
        "History of [**Hospital**] and pneumonia", "Positive PPD",
    ],
)  # fmt: skip
def test_a_reason_is_kept_as_it_is_written(text: str) -> None:
    assert choose([text]) == text


@pytest.mark.parametrize(
    "text",
    [
        "", " . ", "XXXX", "XXXX-year-old male with XXXX.", "The patient is a 45-year-old woman", "___ year old man",
        "[**Known lastname**] yo M", "#NAME?", "History of XXXX.", "<PHI>", "N/A", "None", "Unavailable", "not given.",
        "See above", "Reason for exam: XXXX", "CHEST PA AND LATERAL", "XR CHEST", "DX Chest 1 view Frontal", "CXR2",
        "IMG154 XR CHEST", "X-ray chest, portable", "Routine CXR", "Thorax 2 Ebenen", "71045", "\x00\x1b",
    ],
)  # fmt: skip
def test_a_hole_a_procedure_or_nothing_is_none(text: str) -> None:
    assert choose([text]) == ""


def test_a_procedure_counts_only_where_it_says_what_for() -> None:
    assert choose(["XR CHEST"], ["XR ABDOMEN", "CHEST PA R/O TB"]) == "CHEST PA R/O TB"
    assert choose(["Cough"], ["CHEST R/O TB"]) == "Cough"
    assert choose([], ["SHOULDER 2 VIEWS", "CHEST FOR THE PORTABLE"]) == ""


def test_a_heading_and_control_characters_go() -> None:
    assert choose(["CLINICAL HISTORY:\n Fever,\x07\x1b[31m cough\u202e "]) == "Fever, [31m cough"
    assert choose([",786.2 cough"]) == "786.2 cough"


@given(st.text(), st.integers(1, 400))
def test_it_is_one_bounded_line(text: str, times: int) -> None:
    found = clean(text * times)
    assert len(found) <= MAX_CHARACTERS and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in found)
    assert clean("cough " * times) == ("cough " * min(times, 83)).strip()
