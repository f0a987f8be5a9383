"""Vectors of the films of reports: made once, searched by the retriever that is asked for, never one's own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import builders.tool as end_to_end
import pytest
from builders.process import Mishap, Process
from builders.tool import VISITS, Tool, build_weights, copy_tree, spotted_chest, write_visit
from sqlalchemy import text

LINKED = {"A101", "A102", "A201"}  # accessions of the export that have a signed report


@pytest.fixture
def export(tmp_path: Path, shared_export: Path) -> Path:
    return copy_tree(shared_export, tmp_path / "export")


@pytest.fixture
def indexed(drafted: Tool) -> Tool:
    """A home whose reports are linked to the catalogue, their texts and images in the index."""
    drafted.json("index")
    return drafted


def catalogue(tool: Tool, export: Path, reports: Path) -> None:
    """Make a home of an export that may be changed, its reports linked to the catalogue, their texts in the index."""
    tool.json("index", reports)
    tool.json("generate", export)


def spaces(tool: Tool) -> dict[str, int]:
    return {name: space["count"] for name, space in tool.json("index", "--verify")["spaces"].items()}


def retrieved(tool: Tool, accession: str) -> list[str]:
    return tool.rows(
        "SELECT report.accession FROM reference JOIN draft ON draft.id = draft_id JOIN study ON study.id = draft.study_id"
        " JOIN report ON report.id = report_id WHERE study.accession = :accession AND draft.status = 'preliminary'"
        " ORDER BY rank",
        accession=accession,
    )


def test_images_are_embedded_once_their_studies_are_known(drafted: Tool) -> None:
    assert spaces(drafted) == {"text": 11}
    for images in (3, 0):
        found = drafted.json("index")
        assert (found["embedded"], found["films_embedded"], spaces(drafted)) == (0, images, {"text": 11, "image": 3})


def test_lists_come_and_go_with_their_bound_though_no_report_has_changed(
    indexed: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that `forget` left out."""
    for name, value in {"LEAST": 5, "_ROWS": 9, "_LEARNT": 2, "DEPTH": 5}.items():
        monkeypatch.setattr(f"cxrreport.retrieval.approximate.{name}", value)

    def lists() -> int:
        indexed.json("index")
        version = indexed.json("index", "--list")[0]["version"]
        return len([*(indexed.home / "index" / version).glob("*.faiss")])

    assert lists() == 0
    monkeypatch.setenv("CXRREPORT_INDEX_EXACT_UP_TO", "5")
    assert lists() == 1
    indexed.json("forget", "P2", "--yes")
    assert [lists(), len(indexed.json("index", "--list")), lists(), len(indexed.json("index", "--list"))] == [
        1,
        2,
        1,
        2,
    ]
    monkeypatch.setenv("CXRREPORT_INDEX_EXACT_UP_TO", "1000")
    assert lists() == 0


def test_an_image_that_changed_is_embedded_again(
    tool: Tool, export: Path, shared_reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(tool, export, shared_reports)
    tool.json("index")
    # other pixels under the same UIDs
    monkeypatch.setattr(end_to_end, "spotted_chest", lambda seed: spotted_chest(seed + 500))
    write_visit(export, next(visit for visit in VISITS if visit.accession == "A201"))
    assert tool.json("generate", export)["drafted"] == 2  # A201, and A202 whose prior it is
    found = tool.json("index")
    assert (found["embedded"], found["films_embedded"], spaces(tool)) == (0, 1, {"text": 11, "image": 3})


def test_the_image_retriever_sees_earlier_films_of_other_patients_alone(indexed: Tool, shared_export: Path) -> None:
    indexed.json("generate", shared_export, "--retriever", "image", "--redo", "all")
    assert retrieved(indexed, "A103") == ["A201"]  # A101 and A102 are of the patient
    assert retrieved(indexed, "A202") == ["A101"]  # A102 is later, A201 of the patient
    assert retrieved(indexed, "A101") == []
    assert set(retrieved(indexed, "A402")) == LINKED
    decodings = indexed.rows("SELECT DISTINCT decoding FROM draft WHERE status = 'preliminary'")
    assert {json.loads(decoding)["retriever"] for decoding in decodings} == {"image"}


def test_the_hyperbolic_retriever_sees_the_nearest_earlier_films_of_other_patients(
    tool: Tool, export: Path, shared_reports: Path, tmp_path: Path
) -> None:
    weights = ("--weights", build_weights(tmp_path / "weights", hyperbolic=True))
    tool.json("index", shared_reports, *weights)
    tool.json("generate", export, *weights)
    assert tool.json("index", *weights)["films_embedded"] == 3
    tool.json("generate", export, *weights, "--retriever", "hyperbolic", "--redo", "all")
    assert retrieved(tool, "A103") == ["A201"] and set(retrieved(tool, "A402")) == LINKED
    scores = tool.rows(
        "SELECT score FROM reference JOIN draft ON draft.id = draft_id JOIN study ON study.id = study_id"
        " WHERE accession = 'A402' AND status = 'preliminary' ORDER BY rank"
    )
    assert len(set(scores)) == 3 and 0 > scores[0] > scores[1] > scores[2]  # minus the distance


def test_fused_ranks_take_reports_of_both_kinds(indexed: Tool, shared_export: Path) -> None:
    indexed.json("generate", shared_export, "--retriever", "fused", "--redo", "all")
    found = retrieved(indexed, "A402")
    assert len(found) == 5 and set(found) & LINKED and not set(found) <= LINKED
    assert not set(retrieved(indexed, "A103")) & {"A101", "A102"}


def test_a_retriever_without_its_vectors_is_refused(tool: Tool, export: Path, shared_reports: Path) -> None:
    tool.json("index", shared_reports)
    assert tool("generate", export, "--retriever", "image") == 78
    assert "index.no_films" in tool.err and "--retriever text" in tool.err
    assert tool("generate", export, "--retriever", "hyperbolic") == 78
    assert "configuration.retriever" in tool.err
    assert tool.json("generate", export, "--retriever", "fused")["drafted"] == 8  # texts alone, with a warning
    assert "index.no_films" in tool.err


@pytest.mark.parametrize("name", ["P2/A201_PA.dcm", "P1/A101_LL.dcm"], ids=["frontal", "lateral"])
def test_an_image_that_is_away_for_a_night_is_waited_for(
    tool: Tool, export: Path, shared_reports: Path, name: str
) -> None:
    catalogue(tool, export, shared_reports)
    image = export / name
    image.rename(export / "away")
    found = tool.json("index")
    assert (found["films_embedded"], found["skipped"]) == (2, {"pixels.unreadable": 1})
    assert spaces(tool) == {"text": 11, "image": 2}
    (export / "away").rename(image)
    assert tool.json("index")["films_embedded"] == 1 and spaces(tool) == {"text": 11, "image": 3}


def test_a_lateral_that_was_never_read_does_without(tool: Tool, export: Path, shared_reports: Path) -> None:
    """A101 is embedded by its frontal image alone, once; as soon as its lateral is read, it is embedded again."""
    lateral = export / "P1" / "A101_LL.dcm"
    whole = lateral.read_bytes()
    lateral.write_bytes(whole[:-5000])
    catalogue(tool, export, shared_reports)
    assert [tool.json("index")["films_embedded"] for _ in range(2)] == [3, 0]
    lateral.write_bytes(whole)
    tool.json("generate", export)
    assert tool.json("index")["films_embedded"] == 1


def test_films_whose_views_were_mixed_up_are_embedded_again(indexed: Tool) -> None:
    with indexed.connection() as connection:
        swapped = "CASE view WHEN 'pa' THEN 'lateral' ELSE 'pa' END"
        connection.execute(text(f"UPDATE image SET view = {swapped} WHERE path LIKE '%A101%'"))  # noqa: S608
    assert indexed.json("index")["films_embedded"] == 1


def test_other_preprocessing_makes_other_vectors(indexed: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxrreport.pipeline.freshness.PREPROCESS_VERSION", 10**6)
    assert indexed.json("index", "--verify")["stale_films"] == 3
    assert indexed.json("index")["films_embedded"] == 3


def test_a_signal_between_images_publishes_nothing(drafted: Tool) -> None:
    current = drafted.home / "index" / "CURRENT"
    before = current.read_text()
    process = Process(drafted.home, "index", mishap=Mishap("cxrreport.pipeline.embed:load_held", 2, signal.SIGTERM))
    assert (process.wait(), current.read_text()) == (143, before)
