"""The demonstration hospital through the whole tool: what is drafted and paired is what its truth says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.tool import Tool

from cxrreport.demo.hospital import Hospital, StudyTruth, build_hospital

BLANK_LEG = "XLEG2"  # only its pixels betray it, and these random weights take whatever they see for a chest
TRAPPED = 8  # patients, so that a tie, two people under one number and a study without frontal film are among them


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return build_hospital(tmp_path_factory.mktemp("hospital"), seed=7, patients=TRAPPED, side=128)


def draftable(hospital: Hospital) -> Iterator[StudyTruth]:
    """Studies with a frontal film."""
    return (study for study in hospital.studies if study.frontals)


def catalogue(tool: Tool, pacs: Path) -> dict[str, Any]:
    """Scan the export, and tell the laterals whose tags are silent: the random view classifier calls all frontal."""
    from pydicom import dcmread

    scanned: dict[str, Any] = tool.json("generate", pacs, "--dry-run")
    silent = tool.rows("SELECT sop_uid, path FROM image WHERE view IS NULL AND usable")
    lateral = [uid for uid, path in silent if dcmread(path, force=True).SeriesNumber == 2]
    with tool.connection() as connection:
        for uid in lateral:
            connection.exec_driver_sql("UPDATE image SET view = 'lateral' WHERE sop_uid = ?", (uid,))
    return scanned


def test_pairs_and_reasons_equal_the_truth(tool: Tool, hospital: Hospital) -> None:
    catalogue(tool, hospital.pacs)
    imported = tool.json("index", hospital.reports)
    assert imported["added"] == imported["indexed"] == 40 + sum(study.signed for study in hospital.studies)
    run = tool.json("generate", hospital.pacs)
    found = tool.rows(
        "SELECT study.accession, prior.accession, prior_reason FROM draft JOIN study ON study.id = draft.study_id"
        " LEFT JOIN study AS prior ON prior.id = draft.prior_study_id WHERE status = 'preliminary'"
    )
    truth = {study.accession: (study.prior, study.no_prior) for study in draftable(hospital)}
    pairs = {accession: (prior, reason) for accession, prior, reason in found if accession != BLANK_LEG}
    assert pairs == truth
    assert run["paired"] == sum(prior is not None for prior, _ in truth.values()) >= 10
    assert {reason for _, reason in truth.values()} == {"", "prior.none", "prior.tie", "prior.identity"}


def test_what_is_no_chest_film_is_skipped_or_refused_by_its_kind(tool: Tool, hospital: Hospital) -> None:
    scanned = catalogue(tool, hospital.pacs)
    expected = {"archive": 1, "body_part": 1, "document": 1, "duplicate": 1, "empty": 1, "modality": 1, "not_image": 1}
    expected |= {"broken_copy": 1}  # the copy that was cut short
    assert {key: scanned["skipped"].get(key) for key in expected} == expected
    assert scanned["failed"] == {}
    tool.json("generate", hospital.pacs, "--without-retrieval")
    drafted = set(tool.drafts()) - {BLANK_LEG}
    assert drafted == {study.accession for study in draftable(hospital)}
    unusable = tool.rows("SELECT reason FROM image WHERE NOT usable ORDER BY 1")
    assert unusable == ["body_part", "modality"]
    again = tool.json("generate", hospital.pacs, "--without-retrieval")
    assert (again["drafted"], again["failed"]) == (0, {})
