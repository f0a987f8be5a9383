"""`cxrreport export` as a whole: killed, on a full disk, or with a study that nobody can write, it ends as it should."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest
from builders.limits import largest_file
from builders.process import Mishap, Process, before_call
from builders.tool import VISITS, Tool

from cxrreport.errors import InputError
from cxrreport.export import hl7
from cxrreport.export.folder import Folder, Item
from cxrreport.export.subject import Subject

WANTED = ("export", "--format", "hl7", "--format", "jsonl", "--format", "csv")
KILL = signal.SIGKILL
NAME = "ZINNOBER^OTTILIE"


def held(place: Path) -> dict[str, bytes]:
    """All files but the lock, which names its process."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.fixture
def whole(drafted: Tool, tmp_path: Path) -> dict[str, bytes]:
    """What an export that nothing disturbs writes."""
    assert drafted.json(*WANTED, tmp_path / "whole")["files"] == len(VISITS) + 4
    return held(tmp_path / "whole")


def test_a_verdict_writes_no_message_again(drafted: Tool, tmp_path: Path) -> None:
    """Whoever collects them has taken this one away."""
    words = ("export", "--study", "A102", "--format", "hl7", "--format", "fhir", "--format", "sr", tmp_path / "out")
    assert drafted.json(*words)["files"] == 5
    for message in (tmp_path / "out").rglob("*.hl7"):
        message.unlink()
    assert drafted("review", "A102", "--status", "accepted", "--by", "R1") == 0
    assert drafted.json(*words)["files"] == 0


@pytest.mark.parametrize(("number", "after"), [(1, False), (2, True), (6, False), (10, True), (11, False), (13, True)])
def test_a_killed_export_leaves_whole_files_and_the_next_one_completes_them(
    drafted: Tool, whole: dict[str, bytes], tmp_path: Path, number: int, after: bool
) -> None:
    """The manifest is moved into its place first, then 8 messages, then 4 tables."""
    place = tmp_path / "out"
    killed = Process(drafted.home, *WANTED, place, mishap=Mishap("os:replace", number, KILL, after=after))
    assert killed.wait() == -KILL
    found = {name: content for name, content in held(place).items() if not name.startswith(".cxr")}
    half = {name for name in found if name.endswith(".tmp")}
    assert all(found[name] == whole[name] for name in found.keys() - half)
    assert len(found) - len(half) == max(0, number - 1 - (not after))
    told = drafted.json(*WANTED, place)
    assert told["files"] < len(VISITS) + 4 or number < 3
    assert held(place) == whole


@pytest.mark.parametrize("number", [3, 12, 24])
def test_a_full_disk_ends_the_export_and_leaves_nothing_half(
    drafted: Tool, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), NAME)

    with monkeypatch.context() as patch:
        before_call(patch, "os:fsync", number, full)
        assert drafted(*WANTED, tmp_path / "out") == 74
    assert "No space left" in drafted.err and NAME not in drafted.err
    found = held(tmp_path / "out")
    assert not [name for name in found if name.endswith(".tmp")]
    assert all(found[name] == whole[name] for name in found if not name.startswith("."))
    drafted.json(*WANTED, tmp_path / "out")
    assert held(tmp_path / "out") == whole


def test_a_disk_that_takes_no_more_of_a_table_keeps_the_one_of_before(drafted: Tool, tmp_path: Path) -> None:
    place = tmp_path / "out"
    drafted.json("export", "--format", "csv", "--study", VISITS[0].accession, place)
    before = held(place)
    with largest_file(2000):
        assert drafted("export", "--format", "csv", place) == 74
    assert held(place) == before


def test_a_study_that_nobody_can_write_costs_itself(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = drafted.rows("SELECT id FROM study ORDER BY id LIMIT 2")

    def make(subject: Subject) -> Iterable[Item]:
        if subject.study_id == first:
            raise KeyError(NAME)
        if subject.study_id == second:
            raise InputError("A film is away.", "film.away")
        return made(subject)

    made = hl7.make
    monkeypatch.setattr(hl7, "make", make)
    told = drafted.json(*WANTED, tmp_path / "out", code=3)
    assert told["drafts"] == len(VISITS) and told["failed"] == {"export.crash": 1, "film.away": 1}
    assert told["failed_studies"] == {"export.crash": [first], "film.away": [second]}
    assert "KeyError at" in drafted.err and NAME not in drafted.err
    assert len(list((tmp_path / "out" / "hl7").rglob("*.hl7"))) == len(VISITS) - 2
    assert len((tmp_path / "out" / "studies.jsonl").read_text().splitlines()) == len(VISITS)
    monkeypatch.setattr(hl7, "make", made)
    assert drafted.json(*WANTED, tmp_path / "out")["failed"] == {}
    assert len(list((tmp_path / "out" / "hl7").rglob("*.hl7"))) == len(VISITS)


def test_what_is_wrong_with_the_directory_has_an_exit_code_of_its_own(drafted: Tool, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "letter.txt").write_text("")
    assert drafted(*WANTED, tmp_path / "others") == 2
    assert drafted(*WANTED, tmp_path / "others" / "letter.txt" / "out") == 74
    with Folder(tmp_path / "out"):
        assert drafted.json(*WANTED, tmp_path / "out", code=75)["error"]["code"] == "locked"


def test_an_export_of_everything_takes_away_what_an_erased_patient_left(
    drafted: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every format that was ever asked for, and also while another study cannot be written, whose files stay."""
    erased, failing = drafted.rows("SELECT id FROM study WHERE accession IN ('A301', 'A102') ORDER BY accession DESC")
    every = ("export", tmp_path / "out", "--format", "hl7")

    def lie(study: int) -> set[str]:
        return {path.suffix for path in (tmp_path / "out").rglob(f"{study}.*")}

    def make(subject: Subject) -> Iterable[Item]:
        if subject.study_id == failing:
            raise InputError("A film is away.", "film.away")
        return made(subject)

    drafted.json(*every, "--format", "fhir")
    assert drafted("forget", "P3", "--yes") == 0
    assert drafted("review", "A102", "--status", "accepted") == 0  # so that it is to be written again
    made = hl7.make
    monkeypatch.setattr(hl7, "make", make)
    assert drafted.json(*every, "--study", "A101")["removed"] == 0, "who asks for one study says nothing of the others"
    assert lie(erased) == {".hl7", ".json"}
    told = drafted.json(*every, code=3)
    assert (told["removed"], told["failed"]) == (1, {"film.away": 1})
    assert lie(erased) == set() and lie(failing) == {".hl7", ".json"}
