"""A GPU that is lost, or too small, in the middle of a run; a stub raises what torch does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from builders.process import before_call
from builders.tool import VISITS, Tool

PLAIN = "--without-retrieval"
ENCODE = "cxrreport.model.encoder:StudyEncoder.forward"


def test_a_gpu_lost_in_the_middle_of_a_run_costs_no_study_an_attempt(
    tool: Tool, shared_export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> None:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    with monkeypatch.context() as patch:
        before_call(patch, "cxrreport.drafting.compose:Composer.compose", 4, lost)  # of the second chunk
        assert tool("generate", shared_export, PLAIN, "--batch-size", "2", "--json") == 74
    assert json.loads(tool.out)["error"]["code"] == "device.lost" and "Traceback" not in tool.err
    assert sum(tool.drafts().values()) == 5
    assert tool.rows("SELECT count(*) FROM attempt") == [0] and tool.rows("SELECT count(*) FROM failure") == [0]
    assert tool.json("generate", shared_export, PLAIN)["drafted"] == 3
    assert tool.drafts() == {visit.accession: 1 for visit in VISITS}
