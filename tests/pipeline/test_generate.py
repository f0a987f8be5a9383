"""`generate` from end to end: what is drafted, paired and stored, and that running twice does the work once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from builders.tool import VISITS, Tool, Visit, copy_tree, write_visit

from cxrreport.drafting.wording_file import default_wording
from cxrreport.findings import FINDINGS, Change, State
from cxrreport.imaging import seen
from cxrreport.imaging.preprocess import REGISTER_VERSION

ALL = {visit.accession: 1 for visit in VISITS}


def test_first_run_drafts_all_and_second_opens_no_unchanged_file(
    any_tool: Tool, shared_export: Path, shared_reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_tool.json("index", shared_reports)
    first = any_tool.json("generate", shared_export)
    assert (first["files"], first["images"], first["studies"], first["drafted"]) == (11, 11, 8, 8)
    assert (first["paired"], first["unchanged"], first["skipped"], first["failed"]) == (3, 0, {}, {})
    assert any_tool.drafts() == ALL
    found = any_tool.rows(
        "SELECT study.accession, prior.accession, prior_reason FROM draft JOIN study ON study.id = draft.study_id"
        " LEFT JOIN study AS prior ON prior.id = draft.prior_study_id ORDER BY 1"
    )
    assert found == [(visit.accession, visit.prior or None, visit.reason) for visit in VISITS]

    def forbidden(*_: object) -> None:
        raise AssertionError("an unchanged file was opened")

    for name in ("headers.see_ordinary", "scan.load_filed", "prepare.load_filed"):
        monkeypatch.setattr(f"cxrreport.pipeline.{name}", forbidden)
    second = any_tool.json("generate", shared_export)
    assert (second["drafted"], second["unchanged"], second["studies"], second["files"]) == (0, 8, 8, 11)
    assert any_tool.drafts() == ALL


def test_with_a_prior_each_finding_has_its_states_and_change(drafted: Tool) -> None:
    rows = drafted.rows(
        "SELECT finding, state, prior_state, prior_probability, change, change_probability FROM finding"
        " JOIN draft ON draft.id = draft_id WHERE prior_study_id IS NOT NULL"
    )
    assert len(rows) == 3 * len(FINDINGS)
    for finding, state, prior_state, prior_probability, change, change_probability in rows:
        assert prior_state in set(State) and 0 <= prior_probability <= 1
        if finding == "no finding" or "uncertain" in (state, prior_state):
            assert change is None and change_probability is None
            continue
        now, before = state == "positive", prior_state == "positive"
        expected = (("absent", "resolved"), ("new", "unchanged"))[now][before]
        assert Change(change) == expected and 0 <= change_probability <= 1
    assert {row[4] for row in rows} >= {"new", "resolved", "unchanged", "absent"}


def test_states_of_the_prior_are_those_of_its_own_draft(tool: Tool, shared_export: Path) -> None:
    """The films of a prior are read again; without retrieval they must say what they said before."""
    tool.json("generate", shared_export, "--without-retrieval")
    pairs = tool.rows(
        "SELECT now.prior_state, before.state, now.prior_probability - before.probability FROM draft"
        " JOIN draft AS older ON older.study_id = draft.prior_study_id"
        " JOIN finding AS now ON now.draft_id = draft.id"
        " JOIN finding AS before ON before.draft_id = older.id AND before.finding = now.finding"
    )
    assert len(pairs) == 3 * len(FINDINGS)
    assert all(now == before and abs(difference) < 1e-4 for now, before, difference in pairs)


def test_comparison_names_the_date_of_the_prior(drafted: Tool) -> None:
    comparisons = {accession: texts[2] for accession, texts in drafted.texts().items()}
    assert comparisons["A102"].startswith("Compared with the prior of 2024-01-05 (60 days earlier): ")
    assert comparisons["A103"].startswith("Compared with the prior of 2024-03-05 (88 days earlier): ")
    assert comparisons["A202"].startswith("Compared with the prior of 2024-02-01 (19 days earlier): ")


def test_without_a_prior_nothing_is_compared(drafted: Tool) -> None:
    assert drafted.rows("SELECT DISTINCT comparison FROM draft WHERE prior_study_id IS NULL") == [""]
    changes = "SELECT DISTINCT change FROM finding JOIN draft ON draft.id = draft_id WHERE prior_study_id IS NULL"
    assert drafted.rows(changes) == [None]
    kinds = "SELECT DISTINCT kind FROM span JOIN draft ON draft.id = draft_id WHERE prior_study_id IS NULL"
    assert "change" not in drafted.rows(kinds)


def test_spans_lie_inside_their_sections_and_hold_their_words(drafted: Tool) -> None:
    spans = drafted.rows(
        "SELECT section, start_char, end_char, kind, finding, findings, impression, comparison FROM span"
        " JOIN draft ON draft.id = draft_id"
    )
    assert {span[0] for span in spans} >= {"findings", "comparison"}
    for section, begin, end, kind, finding, *texts in spans:
        text = dict(zip(("findings", "impression", "comparison"), texts, strict=True))[section]
        assert 0 <= begin < end <= len(text) and text[begin:end].strip() == text[begin:end]
        if section == "comparison":
            assert kind == "change" and default_wording().name(finding) in text[begin:end]


def test_what_a_draft_was_made_with_is_stored(tool: Tool, shared_export: Path, shared_reports: Path) -> None:
    version = tool.json("index", shared_reports)["index"]["version"]
    run = tool.json("generate", shared_export)["run"]
    rows = tool.rows("SELECT weights_sha256, preprocess_version, index_version, run_id, decoding FROM draft")
    assert len({row[:4] for row in rows}) == 1
    made, decodings = rows[0], [json.loads(row[4]) for row in rows]
    laid = [d.pop("registration") for d in decodings if "registration" in d]
    assert len(laid) == 3 and all(one["version"] == REGISTER_VERSION and 0 <= one["quality"] <= 1 for one in laid)
    (decoding,) = {json.dumps(d, sort_keys=True): d for d in decodings}.values()
    assert made[1:4] == (1, version, run) and len(made[0]) == 64
    assert (decoding["beams"], decoding["max_new_tokens"], decoding["device"]) == (1, 16, "cpu")
    references = tool.rows("SELECT draft_id, count(*), min(rank), max(rank), sum(weight) FROM reference GROUP BY 1")
    assert len(references) == 8
    assert all(row[1:4] == (5, 1, 5) and row[4] == pytest.approx(1, abs=1e-3) for row in references)
    manifest = json.loads((tool.home / "runs" / f"run-{run:06d}.json").read_text())
    assert (manifest["drafted"], manifest["exit_code"], manifest["index"]["version"]) == (8, 0, version)
    assert manifest["weights"]["sha256"] == made[0] and "research use only" in manifest["disclaimer"]


def test_the_view_comes_from_the_pixels_where_the_tags_are_silent(drafted: Tool) -> None:
    views = drafted.rows("SELECT view, view_source, count(*) FROM image GROUP BY 1, 2 ORDER BY 1")
    assert views == [("frontal", "pixels", 1), ("lateral", "tags", 3), ("pa", "tags", 7)]
    assert drafted.rows("SELECT count(*) FROM image WHERE length(pixel_sha256) = 64") == [11]


@pytest.mark.parametrize("flags", [["--batch-size", "3"], ["--workers", "1"]])
def test_neither_batches_nor_children_change_a_draft(drafted: Tool, shared_export: Path, flags: list[str]) -> None:
    texts = drafted.texts()
    again = drafted.json("generate", shared_export, "--redo", "all", *flags)
    assert (again["drafted"], drafted.texts()) == (8, texts)


def test_a_moved_export_is_not_drafted_again(drafted: Tool, shared_export: Path, tmp_path: Path) -> None:
    again = drafted.json("generate", copy_tree(shared_export, tmp_path / "moved"))
    assert (again["drafted"], again["unchanged"], again["skipped"]) == (0, 8, {"duplicate": 11})


def test_files_without_extension_and_duplicates_count_once(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    (path,) = write_visit(export, Visit("A900", "P9", "20240101"))
    bare = export / "000001"
    path.rename(bare)
    copy_tree(export, tmp_path / "export" / "again")
    (export / "notes.txt").write_text("no film")
    (export / "archive").write_bytes(b"no film either" * 100)
    found = tool.json("generate", export, "--without-retrieval")
    assert (found["files"], found["images"], found["drafted"]) == (4, 1, 1)
    assert found["skipped"] == {"document": 1, "duplicate": 1, "not_dicom": 1}


def test_an_unreadable_header_is_read_again_when_the_mount_is_back(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions come back without a change of size or time."""
    from cxrreport.errors import HeaderError

    export = tmp_path / "export"
    write_visit(export, Visit("A900", "P9", "20240101"))

    def unreadable(*_: object) -> None:
        raise HeaderError("The file cannot be read.", "header.unreadable")

    with monkeypatch.context() as away:
        away.setattr(seen, "read_ordinary", unreadable)
        failed = tool.json("generate", export, "--without-retrieval", code=3)
        assert failed["failed"] == {"header.unreadable": 1}
    assert tool.json("generate", export, "--without-retrieval")["drafted"] == 1
    assert tool.rows("SELECT count(*) FROM failure") == [0]


def test_an_unreadable_film_gets_its_view_when_the_mount_is_back(tool: Tool, tmp_path: Path) -> None:
    export = tmp_path / "export"
    (path,) = write_visit(export, Visit("A900", "P9", "20240101", silent=True))
    assert tool("generate", export, "--without-retrieval", "--dry-run") == 0
    hidden = path.rename(tmp_path / "hidden")
    failed = tool.json("generate", export, "--without-retrieval", code=3)
    assert failed["failed"] == {"path.emptied": 1, "pixels.unreadable": 1} and failed["drafted"] == 0
    os.rename(hidden, path)
    assert tool.json("generate", export, "--without-retrieval")["drafted"] == 1
