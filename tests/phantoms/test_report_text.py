import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.demo.archive import later
from cxrreport.phantoms.patient import Lesion
from cxrreport.phantoms.report_text import changes_of, write_report_text
from cxrreport.phantoms.samples import random_lesions

EFFUSION = Lesion("pleural effusion", "right", 0.5)


def many(lesions, prior, times=12):
    return [write_report_text(lesions, prior, np.random.default_rng(seed)) for seed in range(times)]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_text_is_whole(seed, with_prior):
    rng = np.random.default_rng(seed)
    before = random_lesions(rng)
    lesions = later(before, rng) if with_prior else before
    findings, impression, comparison = write_report_text(lesions, before if with_prior else None, rng)
    for text in (findings, impression, comparison):
        assert text.strip() == text and text.endswith(".") and "  " not in text
        assert not set("{}") & set(text)
    assert (comparison == "None.") is not with_prior


def test_severity_and_side_are_told():
    for severity, word in ((0.1, "small"), (0.5, "moderate"), (0.95, "large")):
        for findings, _, _ in many([Lesion("pleural effusion", "left", severity)], None):
            assert word in findings.lower() and "left" in findings and "right" not in findings


def test_wording_varies():
    assert len({findings for findings, _, _ in many([EFFUSION], None, 30)}) > 10


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, 0.5, ("new", "not seen previously", "development")),
        (0.2, 0.6, ("increased", "worse", "progressed")),
        (0.6, 0.2, ("decreased", "improv", "smaller")),
        (0.5, 0.52, ("unchanged", "stable", "no significant change")),
        (0.5, None, ("resolved", "resolution", "no longer")),
    ],
)
def test_changes_are_told(before, after, words):
    prior = [] if before is None else [Lesion("pleural effusion", "right", before)]
    lesions = [] if after is None else [Lesion("pleural effusion", "right", after)]
    for findings, impression, _ in many(lesions, prior):
        assert any(word in findings.lower() for word in words)
        assert any(word in impression.lower() for word in words)


def test_without_a_prior_nothing_is_compared():
    for findings, impression, _ in many([EFFUSION, Lesion("consolidation", "left", 0.5)], None):
        assert not any(
            word in f"{findings} {impression}".lower() for word in ("unchanged", "increased", "prior", "new ")
        )


def test_what_is_present_is_never_denied():
    lesions = [EFFUSION, Lesion("pneumothorax", "left", 0.4, "upper"), Lesion("consolidation", "right", 0.6)]
    for findings, _, _ in many(lesions, None, 30):
        lower = findings.lower()
        denied = [s for s in lower.split(". ") if s.startswith(("no ", "there is no ", "no evidence"))]
        assert not any(word in s for s in denied for word in ("effusion", "pneumothorax", "consolidation"))
        assert "lungs are clear" not in lower


def test_a_normal_film_reads_normal():
    for findings, impression, _ in many([], None):
        assert "focal consolidation, pleural effusion, or pneumothorax" in findings
        assert "acute" in impression or "Normal" in impression


def test_devices_are_removed_not_resolved():
    tube = Lesion("support devices", "midline", 0.8)
    for findings, impression, _ in many([], [tube]):
        assert "remov" in findings and "removal of endotracheal tube" in impression


def test_the_same_place_makes_the_same_lesion():
    before, after = Lesion("consolidation", "left", 0.3, "upper"), Lesion("consolidation", "left", 0.7, "lower")
    assert [course.change for course in changes_of([after], [before])] == ["new", "resolved"]
