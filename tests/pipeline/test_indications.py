"""An indication is read, stored and, by weights that have learnt to, shown to the decoder; no rule puts it in a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.tool import VISITS, Tool, build_weights, write_visit

from cxrreport.findings import State
from cxrreport.reports.labels import label

WHY = "Pneumonia? Known zorglubitis, r/o pneumothorax"
PLAIN = "--without-retrieval"


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that read indications; the part moves the text."""
    return build_weights(tmp_path_factory.mktemp("readers") / "w", indications=True)


def export(folder: Path, **tags: Any) -> Path:
    for visit in VISITS[:4]:
        write_visit(folder, visit, **tags)
    return folder


def drafted(tool: Tool, folder: Path, *more: str) -> list[dict[str, Any]]:
    """All drafts, by accession number, without what tells of their making."""
    assert tool.json("generate", folder, PLAIN, "--redo", "all", *more)["drafted"] == 4
    found = [tool.json("show", visit.accession) for visit in VISITS[:4]]
    return [
        {key: one["draft"][key] for key in ("findings", "impression", "finding_rows", "provenance")} for one in found
    ]


def test_weights_that_do_not_read_it_draft_as_without(tool: Tool, tmp_path: Path) -> None:
    without = drafted(tool, export(tmp_path / "a"))
    with_it = drafted(tool, export(tmp_path / "a", ReasonForTheRequestedProcedure=WHY))
    assert tool.rows("SELECT DISTINCT indication FROM study") == [WHY]
    assert [{**draft, "provenance": None} for draft in with_it] == [{**draft, "provenance": None} for draft in without]
    assert not any("indication" in draft["provenance"]["decoding"] for draft in with_it)


def test_weights_that_read_it_say_so_and_judge_the_film_alone(tool: Tool, readers: Path, tmp_path: Path) -> None:
    chosen = ("--weights", str(readers))
    without = drafted(tool, export(tmp_path / "a"), *chosen)
    with_it = drafted(tool, export(tmp_path / "a", ReasonForTheRequestedProcedure=WHY), *chosen)
    for before, now in zip(without, with_it, strict=True):
        assert now["finding_rows"] == before["finding_rows"] and now["impression"] == before["impression"]
        assert "indication" not in before["provenance"]["decoding"]
        assert now["provenance"]["decoding"]["indication"] is True
        table = {row["finding"]: row["state"] for row in now["finding_rows"]}
        said = {finding for finding, state in label(now["findings"]).items() if state is State.POSITIVE}
        assert all(table[finding] == State.POSITIVE for finding in said)
        assert "zorglub" not in json.dumps(now).lower()  # nor where the draft came from
