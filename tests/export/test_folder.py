"""The folder of an export: whole files or none, each version once, and nothing outside of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from cxrreport.errors import CxrReportError, LockedError, StorageError, UsageError
from cxrreport.export.folder import MANIFEST, Folder, Item
from cxrreport.files import beside


def put(folder: Folder, key: str, version: str, **files: bytes) -> None:
    folder.put(key, version, lambda: [Item(f"{key}/{name}", content) for name, content in files.items()])


def held(place: Path) -> dict[str, bytes]:
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def refusal(place: Path, names: str = "") -> CxrReportError:
    with pytest.raises(CxrReportError) as error, Folder(place, names):
        raise AssertionError("it was taken")
    return error.value


def test_a_version_is_written_once(tmp_path: Path) -> None:
    with Folder(tmp_path / "out") as folder:
        put(folder, "a", "1", one=b"1", two=b"2")
        put(folder, "a", "1", one=b"other")
    with Folder(tmp_path / "out") as folder:
        assert folder.holds("a", "1") and not folder.holds("a", "2")
        put(folder, "a", "1", one=b"other")
        assert folder.written == 0
    assert held(tmp_path / "out") == {"a/one": b"1", "a/two": b"2"}


def test_a_version_that_says_the_same_is_not_written_again(tmp_path: Path) -> None:
    """A system that collects files would send them twice."""
    with Folder(tmp_path / "out") as folder:
        put(folder, "a", "1", one=b"1", two=b"2")
        (tmp_path / "out" / "a" / "one").unlink()
        put(folder, "a", "2", one=b"1", two=b"2")
        assert folder.written == 2 and folder.holds("a", "2")
    with Folder(tmp_path / "out") as folder:
        put(folder, "a", "3", one=b"1", two=b"2")
        assert held(tmp_path / "out") == {"a/two": b"2"}
        put(folder, "a", "4", one=b"1", three=b"2")
    assert held(tmp_path / "out") == {"a/one": b"1", "a/three": b"2"}


def test_every_directory_is_its_owners_alone(tmp_path: Path) -> None:
    with Folder(tmp_path / "out") as folder:
        put(folder, "sr/1", "1", one=b"1")
    made = [tmp_path / "out", *(path for path in (tmp_path / "out").rglob("*") if path.is_dir())]
    assert len(made) == 3 and {path.stat().st_mode & 0o777 for path in made} == {0o700}


def test_files_of_an_older_version_go_once_the_new_ones_are_there(tmp_path: Path) -> None:
    def cut() -> Iterable[Item]:
        yield Item("a/one", b"new")
        raise KeyError

    with Folder(tmp_path / "out") as folder:
        put(folder, "a", "1", one=b"1", two=b"2")
        put(folder, "b", "1", two=b"3")
        with pytest.raises(KeyError):
            folder.put("a", "2", cut)
        assert set(held(tmp_path / "out")) == {"a/one", "a/two", "b/two"} and not folder.holds("a", "2")
        put(folder, "a", "2", one=b"new")
    assert held(tmp_path / "out") == {"a/one": b"new", "b/two": b"3"}


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_what_a_kill_cut_off_is_written_again_and_spoils_no_other_line(cut: int, tmp_path: Path) -> None:
    place = tmp_path / "out"
    with Folder(place) as folder:
        put(folder, "a", "1", one=b"1")
        put(folder, "b", "1", one=b"1")
    whole = (place / MANIFEST).read_bytes()
    (place / MANIFEST).write_bytes(whole[:-cut])
    for writes in (int(cut > 1), 0):  # a row without its line's end is whole
        with Folder(place) as folder:
            put(folder, "a", "1", one=b"1")
            put(folder, "b", "1", one=b"1")
            assert folder.written == writes
    assert (place / MANIFEST).read_bytes() == whole


def test_a_directory_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear colleague")
    assert (refusal(tmp_path).code, refusal(tmp_path).exit_code) == ("export.place", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_one_that_was_killed_before_its_manifest_was_there_goes_on(tmp_path: Path) -> None:
    (tmp_path / f"{MANIFEST}.tmp").write_text("half")
    with Folder(tmp_path) as folder:
        put(folder, "a", "1", one=b"1")
    assert held(tmp_path) == {"a/one": b"1"}


def test_one_export_at_a_time(tmp_path: Path) -> None:
    with Folder(tmp_path / "out"):
        error = refusal(tmp_path / "out")
        assert isinstance(error, LockedError) and error.exit_code == 75
    with Folder(tmp_path / "out"):
        pass


def test_one_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refusal(tmp_path / "file" / "out")
    assert isinstance(error, StorageError) and error.exit_code == 74


def test_a_refused_directory_is_let_go_of(tmp_path: Path) -> None:
    with Folder(tmp_path / "out", "key"):
        pass
    assert refusal(tmp_path / "out").code == "export.names"
    with Folder(tmp_path / "out", "key"):
        pass


@pytest.mark.parametrize("name", [MANIFEST, MANIFEST.replace("jsonl", "lock")])
def test_a_link_in_place_of_our_own_files_is_not_followed(name: str, tmp_path: Path) -> None:
    victim, place = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    place.mkdir()
    (place / name).symlink_to(victim)
    assert refusal(place).code == "export.place" and victim.read_text() == "precious"


def test_a_link_in_the_directory_leads_nowhere(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "two").write_text("precious")
    with Folder(place) as folder:
        put(folder, "a", "1", two=b"1")
        (place / "b").symlink_to(elsewhere)
        with pytest.raises(UsageError, match="link"):
            put(folder, "b", "1", one=b"1")
        (place / "a" / "two").unlink()
        (place / "a" / "two").symlink_to(elsewhere / "two")
        put(folder, "a", "2", two=b"2")
    assert not (place / "a" / "two").is_symlink() and (place / "a" / "two").read_bytes() == b"2"
    assert [path.read_text() for path in elsewhere.iterdir()] == ["precious"]


@pytest.mark.parametrize("name", ["../victim", "a/../../victim", "/victim"])
def test_a_damaged_manifest_removes_nothing_outside(name: str, tmp_path: Path) -> None:
    victim, place = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    with Folder(place) as folder:
        put(folder, "a", "1", one=b"1")
    name = str(victim) if name == "/victim" else name
    with (place / MANIFEST).open("a") as file:
        file.write(json.dumps({"key": "a", "version": "1", "files": [name]}) + "\n")
    with Folder(place) as folder, pytest.raises(UsageError):
        put(folder, "a", "2", one=b"2")
    assert victim.read_text() == "precious"


def test_what_is_put_no_longer_is_removed_once_and_may_come_back(tmp_path: Path) -> None:
    def lies(*keys: str) -> tuple[int, set[str]]:
        with Folder(tmp_path / "out") as folder:
            for key in keys:
                put(folder, key, "1", one=b"1")
            folder.keep({key.partition("/")[2] for key in keys})
        return folder.removed, set(held(tmp_path / "out"))

    assert lies("sr/1", "sr/2", "hl7/1") == (0, {"sr/1/one", "sr/2/one", "hl7/1/one"})
    assert lies("sr/1") == (1, {"sr/1/one", "hl7/1/one"}), "another format of a study that is there stays"
    assert lies("sr/2") == (1, {"sr/2/one"}), "and goes with the study"
    assert lies("sr/2") == (0, {"sr/2/one"})
    assert lies("sr/1", "sr/2") == (0, {"sr/1/one", "sr/2/one"})


def test_what_a_kill_left_half_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a patient who is erased before the next export, too."""
    place = tmp_path / "out"
    with Folder(place) as folder:
        put(folder, "sr/1", "1", one=b"1", two=b"1")

    class Killed(BaseException):
        pass

    def kill(path: Path) -> Path:
        if path.name == "three":
            beside(path).write_bytes(b"half")
            raise Killed
        return path

    with monkeypatch.context() as patch, pytest.raises(Killed), Folder(place) as folder:
        patch.setattr(folder, "_place", lambda name: kill(place / name))
        put(folder, "sr/1", "2", two=b"2", three=b"2")
    assert set(held(place)) == {"sr/1/one", "sr/1/two", "sr/1/three.tmp"}
    with Folder(place) as folder:
        assert not folder.holds("sr/1", "1") and not folder.holds("sr/1", "2")
        folder.keep(set())
        assert folder.removed == 1 and not held(place)


def test_a_manifest_that_was_tampered_with_removes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "kept").touch()
    (tmp_path / "out" / MANIFEST).write_text(json.dumps({"key": "sr/1", "version": "1", "files": ["../kept"]}) + "\n")
    with pytest.raises(UsageError), Folder(tmp_path / "out") as folder:
        folder.keep(set())
    assert (tmp_path / "kept").exists()
