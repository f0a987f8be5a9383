import shutil
import stat

import pytest

from cxrreport.errors import UnavailableError, UsageError
from cxrreport.evaluation import meteor
from cxrreport.evaluation.meteor import Meteor, find_jar

HYPOTHESES = ["the heart is normal .", "small effusion on the left .", ""]
REFERENCES = ["heart size is normal .", "there is a small left pleural effusion .", "the lungs are clear ."]


@pytest.fixture
def fake_java(tmp_path, monkeypatch):
    """A program in place of Java that answers as told."""

    def install(script):
        java = tmp_path / "java"
        java.write_text(f"#!/bin/sh\n{script}\n")
        java.chmod(java.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        jar = tmp_path / "meteor-1.5.jar"
        jar.write_text("")
        return jar

    return install


def test_agrees_with_pycocoevalcap():
    """Its `Meteor` gave 0.23122532971896473 for these texts; starting Java twice would take too long."""
    jar = find_jar(None)
    if jar is None:
        pytest.skip("there is no Java, or no METEOR")
    with Meteor(jar) as program:
        assert program.score(HYPOTHESES, REFERENCES) == pytest.approx(0.23122532971896473, abs=1e-9)
        assert program.score(REFERENCES[:2], REFERENCES[:2]) == pytest.approx(1)


def test_a_line_is_a_line_and_the_same_pair_is_asked_once(fake_java):
    """The program sees no separator within a text; statistics come back in the order of the texts."""
    log = 'while read -r line; do echo "$line" >> asked; case "$line" in EVAL*) for i in 1 2 3 4; do echo 0.5; done;; *) echo 7;; esac; done'  # fmt: skip  # noqa: E501
    jar = fake_java(log)
    with Meteor(jar) as program:
        assert program.score(["a ||| b\nc", "d", "d"], ["r", "s", "s"]) == 0.5
    asked = (jar.parent / "asked").read_text().splitlines()
    assert asked == ["SCORE ||| r ||| a b c", "SCORE ||| s ||| d", "EVAL ||| 7 ||| 7 ||| 7"]


@pytest.mark.parametrize("script", ["exit 1", "read -r line; exit 1"])
def test_a_program_that_ends_is_an_error_of_its_own(fake_java, script):
    with Meteor(fake_java(script)) as program, pytest.raises(UnavailableError, match="has ended"):
        for _ in range(50):
            program.score(["a"], ["b"])


def test_a_jar_named_must_be_there_and_needs_java(tmp_path, monkeypatch):
    with pytest.raises(UsageError):
        find_jar(tmp_path / "none.jar")
    jar = tmp_path / "meteor-1.5.jar"
    jar.write_text("")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UnavailableError, match="Java"):
        find_jar(jar)
    assert find_jar(None) is None


def test_without_the_package_there_is_no_jar(monkeypatch):
    monkeypatch.setattr(meteor.importlib.util, "find_spec", lambda _: None)
    assert find_jar(None) is None
