import shutil
import sys

import pytest

from cxrreport.evaluation.meteor import score_meteor

ROWS = {"drafts": ["the heart is normal .", "small effusion on\nthe left .", "|||"]}
REFERENCES = ["heart size is normal .", "there is a small left pleural effusion .", "the lungs are clear ."]


def test_rows_are_scored_by_one_program():
    """pycocoevalcap's `Meteor` gave 0.23122532971896473 for these drafts."""
    pytest.importorskip("pycocoevalcap.meteor.meteor")
    if shutil.which("java") is None:
        pytest.skip("there is no Java")
    found, source = score_meteor({**ROWS, "the same": REFERENCES}, REFERENCES)
    assert found == pytest.approx({"drafts": 0.23122532971896473, "the same": 1}, abs=1e-6) and source == "meteor-1.5"


def test_what_is_missing_is_named(monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(shutil, "which", lambda _: None)
        assert score_meteor(ROWS, REFERENCES) == ({}, "not measured: METEOR needs Java")
    monkeypatch.setitem(sys.modules, "pycocoevalcap.meteor.meteor", None)
    assert score_meteor(ROWS, REFERENCES) == ({}, "not measured: METEOR comes with the extra cxrreport[meteor]")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its end finds the pipe broken
@pytest.mark.parametrize("script", ["exit 1", "read -r line; exit 1"])
def test_a_program_that_ends_is_named_and_leaves_nothing_waiting(tmp_path, monkeypatch, script):
    pytest.importorskip("pycocoevalcap.meteor.meteor")
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert score_meteor(ROWS, REFERENCES) == ({}, "not measured: the METEOR program has ended")
