"""A draft must not see its own report, another one of its patient, or the future: planted reports are never retrieved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders.tool import Tool

from cxrreport.store import reports

# All dates but that of "later" are before the study (A103 of P1, 2024-06-01), so that only identity can bar the others.
PLANTED = {
    "own accession": {"accession": "A103", "date": "2024-05-01"},
    "own study uid": {"accession": "Z1", "study_uid": "1.2.9.103", "date": "2024-05-01"},
    "same patient, other study": {"accession": "A102", "date": "2024-05-01"},
    "same patient, no film": {"accession": "Z2", "patient_id": "P1", "date": "2020-01-01"},
    "later": {"accession": "Z3", "patient_id": "Q8", "date": "2024-06-02"},
    "same day without a time": {"accession": "Z4", "patient_id": "Q9", "date": "2024-06-01"},
    "undated of a later study": {"accession": "A402", "date": ""},
}
FAIR = {"accession": "Z9", "patient_id": "Q7", "date": "2024-05-31"}
STUDY = {"StudyDate": "20240715"}  # A402 is moved here, after A103


@pytest.fixture
def export(tmp_path: Path, shared_export: Path) -> Path:
    """The export with A402 later than A103."""
    from builders.tool import VISITS, copy_tree, write_visit

    copy = copy_tree(shared_export, tmp_path / "export")
    write_visit(copy, VISITS[-1], **STUDY)
    return copy


@pytest.fixture
def planted(tool: Tool, export: Path, tmp_path: Path, weights: Path) -> dict[str, int]:
    """Index whose planted reports lie exactly where the film of A103 looks; name -> report id."""
    rows = [*PLANTED.values(), FAIR, *({"accession": f"F{n}", "date": "2019-01-01"} for n in range(20))]
    table = tmp_path / "planted.jsonl"
    table.write_text("".join(json.dumps(row | {"findings": f"Text {n}."}) + "\n" for n, row in enumerate(rows)))
    tool.json("index", table)
    ids = dict(tool.rows("SELECT findings, id FROM report"))
    named = {name: ids[f"Text {n}."] for n, name in enumerate([*PLANTED, "fair"])}
    build_index(tool, query_of(export, weights), set(named.values()))
    return named


def query_of(export: Path, weights: Path) -> np.ndarray:
    """The vector with which A103 asks the index."""
    from cxrreport.imaging.load import load_image
    from cxrreport.model.drafter import Drafter
    from cxrreport.model.weights import load_weights
    from cxrreport.records import PreparedStudy

    frontal, lateral = (load_image(str(export / "P1" / f"A103_{view}.dcm"), 10**6).pixels for view in ("PA", "LL"))
    drafter = Drafter(load_weights(weights))
    return drafter.embed_images(drafter.encode([PreparedStudy(frontal, lateral)]))[0]


def build_index(tool: Tool, query: np.ndarray, same: set[int]) -> None:
    """Publish an index where the reports `same` equal the query and the others point away from it."""
    from cxrreport.retrieval.build import build
    from cxrreport.retrieval.segment import Part
    from cxrreport.retrieval.versions import list_versions

    folder = tool.home / "index"
    ids, digests = np.array(tool.rows("SELECT id, text_digest FROM report ORDER BY id")).T
    part = Part(ids, digests, np.array([query if number in same else -query for number in ids], np.float32))
    build(folder, [{"text": part}], model_sha256=list_versions(folder)[0].model_sha256, source={})


def retrieved(tool: Tool, accession: str = "A103") -> list[tuple[int, float]]:
    return tool.rows(
        "SELECT report_id, score FROM reference JOIN draft ON draft.id = draft_id"
        " JOIN study ON study.id = draft.study_id WHERE accession = :accession AND status = 'preliminary' ORDER BY rank",
        accession=accession,
    )


def test_only_the_fair_one_of_equal_reports_is_retrieved(tool: Tool, export: Path, planted: dict[str, int]) -> None:
    tool.json("generate", export)
    found = retrieved(tool)
    assert len(found) == 5
    assert found[0][0] == planted["fair"] and found[0][1] == pytest.approx(1, abs=1e-3)
    names = {number: name for name, number in planted.items()}
    assert [names.get(report_id) for report_id, _ in found[1:]] == [None] * 4


def test_the_planted_reports_are_retrieved_where_nothing_bars_them(
    tool: Tool, export: Path, planted: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above would notice: with the rule out of force the planted reports come first."""

    def allow_all(_: object, __: object, report_ids: Sequence[int], *, undated: bool) -> set[int]:
        return set(report_ids)

    monkeypatch.setattr(reports, "allowed", allow_all)
    tool.json("generate", export)
    assert {report_id for report_id, _ in retrieved(tool)} < set(planted.values())


def test_the_prior_of_a_study_sees_no_report_of_its_own_future(
    tool: Tool, export: Path, planted: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The findings of a prior are read with reports from before the prior, as in the prior's own draft."""
    seen: dict[str, set[int]] = {}
    original = reports.allowed

    def noted(session: object, study: object, report_ids: Sequence[int], *, undated: bool) -> set[int]:
        found = original(session, study, report_ids, undated=undated)  # type: ignore[arg-type]
        seen.setdefault(study.accession, set()).update(found)  # type: ignore[attr-defined]
        return found

    monkeypatch.setattr(reports, "allowed", noted)
    tool.json("generate", export)
    assert planted["fair"] in seen["A103"] and planted["fair"] not in seen["A102"]  # 2024-05-31 is after A102
    assert planted["same patient, no film"] not in seen["A102"]
