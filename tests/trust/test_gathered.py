"""Counts over judged drafts, and the document that is made of them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from builders.data import ROOT
from builders.trust import agreed, judged

from cxrreport.drafts import ReviewStatus
from cxrreport.findings import FINDINGS, State
from cxrreport.store.judged import Judged
from cxrreport.trust.document import document
from cxrreport.trust.gathered import REJECTED, WORST, Gathered, Group, draws_of, joined

POSITIVE, NEGATIVE = State.POSITIVE, State.NEGATIVE


def gather(*drafts: Judged, by: Any = lambda one: one.device) -> Gathered:
    made = Gathered(by)
    for one in drafts:
        made.add(one)
    return made


def many(number: int, first: int = 1, **facts: Any) -> list[Judged]:
    """Drafts that find an edema that was signed, each of a patient of its own."""
    return [
        judged(agreed("edema", POSITIVE, POSITIVE), **{"draft_id": i, "study_id": i, "patient_id": i, **facts})
        for i in range(first, first + number)
    ]


def test_a_small_archive_counted_by_hand() -> None:
    side = replace(agreed("edema", POSITIVE, POSITIVE), verdict="wrong", dimension="side")
    missed = replace(agreed("edema", State.BLANK, POSITIVE), verdict="missed", dimension="state")
    drafts = [
        *many(5, edits=0.5, shadow=True),
        *many(1, 6, edits=0.5, abstained="far"),
        judged(side, draft_id=7, errors=1, edits=0.3),
        judged(missed, draft_id=8, errors=1, edits=0.7),
        judged(replace(missed, tier="routine"), draft_id=9),
        judged(side, draft_id=10, withheld=frozenset({"edema"})),
    ]
    found = document(gather(*drafts), "device")
    (row,) = found["groups"]
    assert (row["group"], row["studies"]) == ("all", 10)
    assert (row["shadow"], row["abstained"]) == (5, {"far": 1})
    assert row["errors"]["value"] == 0.2 and row["edits"]["value"] == 0.4
    assert row["tiers"] == {"critical": 0, "urgent": 3, "notable": 0}
    edema = row["findings"]["edema"]
    assert [edema[name] for name in ("both", "drafted", "signed", "neither")] == [8, 0, 2, 0]
    assert edema["sensitivity"]["value"] == 0.8 and edema["f1"]["value"] == pytest.approx(16 / 18, abs=1e-4)
    words = row["words"]["edema"]  # what is withheld has no words
    assert words["beside"] == 7 and words["side"]["value"] == pytest.approx(6 / 7, abs=1e-4)
    assert words["severity"]["value"] == 1
    assert [one["draft"] for one in found["worst"]] == [8, 7] and found["worst"][0]["findings"][0][
        "verdict"
    ] == "missed"


def test_nothing_judged_is_told_too() -> None:
    found = document(gather(), "finding")
    assert (found["studies"], found["groups"], found["months"], found["worst"]) == (0, [], [], [])


def test_small_groups_are_told_together() -> None:
    drafts = [*many(30, device="A"), *many(25, 100, device="B"), *many(2, 200, device="C"), *many(3, 300, device="D")]
    found = document(gather(*drafts), "device")
    assert [(row["group"], row["studies"]) for row in found["groups"]] == [("A", 30), ("all others", 30)]
    assert "C" not in str(found) and "D" not in str([row["group"] for row in found["groups"]])


def test_the_worst_come_by_tier_and_are_twenty() -> None:
    def wrong(number: int, tier: str) -> Judged:
        row = replace(agreed("edema", POSITIVE, NEGATIVE), verdict="wrong", dimension="state", tier=tier)
        return judged(row, draft_id=number, errors=1, edits=number / 100)

    drafts = [wrong(number, "notable") for number in range(1, 50)]
    found = gather(wrong(50, "urgent"), *drafts, wrong(51, "critical")).worst
    assert [one.draft_id for one in found] == [51, 50, *range(49, 31, -1)] and len(found) == WORST


def test_only_the_newest_rejections_are_kept() -> None:
    drafts = many(REJECTED + 5, review=ReviewStatus.REJECTED, comment="no effusion here")
    found = document(gather(*drafts), "finding")
    assert found["reviews"] == {"rejected": REJECTED + 5} and len(found["rejected"]) == REJECTED
    assert found["rejected"][0] == {"draft": REJECTED + 5, "study": REJECTED + 5, "why": "no effusion here"}


def test_probabilities_are_counted_in_bins() -> None:
    drafts = [judged(agreed("edema", POSITIVE, POSITIVE), probabilities={"edema": 0.8})] * 3
    drafts += [judged(probabilities={"edema": 0.8})]
    (edema,) = document(gather(*drafts), "finding")["reliability"].values()
    assert (edema["studies"], edema["positives"], edema["ece"], edema["brier"]) == (4, 3, 0.05, 0.19)
    assert edema["curve"][0]["true"]["value"] == 0.75


def test_intervals_of_errors_are_those_of_a_bootstrap_over_patients() -> None:
    """Two studies each of 200 patients, both with the patient's number of errors: as wide as of 200 numbers."""
    numbers = np.random.default_rng(5).poisson(0.7, 200)
    group = Group()
    for patient, errors in enumerate(numbers):
        for _ in range(2):
            group.add(judged(patient_id=patient, errors=int(errors)), draws_of(patient))
    low, high = group.errors_interval or (0, 0)
    half = 1.96 * numbers.std() / np.sqrt(len(numbers))
    assert (low, high) == pytest.approx((numbers.mean() - half, numbers.mean() + half), abs=0.03)


def test_no_error_in_a_few_studies_is_no_proof_that_there_is_none() -> None:
    """The exact upper end of a Poisson count of 0 is 3.689 (Garwood, Biometrika 1936)."""
    assert gather(*many(20)).groups["ACME X"].errors_interval == pytest.approx((0, 3.689 / 20), abs=1e-4)


def test_groups_join_as_if_they_had_been_one() -> None:
    drafts = [*many(9, edits=0.25), judged(patient_id=77, errors=2)]
    apart = [gather(one).groups["ACME X"] for one in drafts]
    whole, together = gather(*drafts).groups["ACME X"], joined(apart)
    assert (whole.cells, whole.studies, whole.errors) == (together.cells, together.studies, together.errors)
    assert np.allclose(whole.drawn, together.drawn)


def test_months_are_told_whatever_is_grouped_by() -> None:
    drafts = [*many(25, at=datetime(2024, 1, 5)), *many(25, 100, at=datetime(2024, 2, 5))]
    assert [row["group"] for row in document(gather(*drafts), "sex")["months"]] == ["2024-01", "2024-02"]


def names_of(value: Any) -> set[str]:
    """Names of all values in a document; those of findings aside."""
    if isinstance(value, list):
        return set().union(*map(names_of, value))
    if not isinstance(value, dict):
        return set()
    own = {name for name in value if name not in FINDINGS}
    return own.union(*map(names_of, value.values()))


def test_every_value_of_the_document_is_on_its_page() -> None:
    row = replace(agreed("edema", State.UNCERTAIN, POSITIVE), verdict="wrong", dimension="side")
    one = judged(row, errors=1, review=ReviewStatus.REJECTED, comment="no", probabilities={"edema": 0.9})
    found = document(gather(*many(3, probabilities={"edema": 0.4}), one), "finding")
    section = (ROOT / "docs/trust.md").read_text().split("### The document")[1]
    assert found["worst"] and found["rejected"] and found["groups"][0]["words"] and found["reliability"]
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    assert names_of(found) - told == set()


def test_what_made_the_drafts_is_told() -> None:
    drafts = [*many(2, calibration_sha256="c1", index_version="a"), *many(3, 3, index_version="b")]
    found = document(gather(*drafts), "device")
    assert found["calibrations"] == [{"sha256": None, "studies": 3}, {"sha256": "c1", "studies": 2}]
    assert found["indexes"] == 2
