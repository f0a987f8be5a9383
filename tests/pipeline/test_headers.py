"""Headers are read in order and in child processes; one that costs its child costs no other file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.tool import Tool, Visit, write_visit

from cxrreport.errors import InputError
from cxrreport.imaging.seen import see_all
from cxrreport.imaging.walk import look_at
from cxrreport.pipeline import headers
from cxrreport.pipeline.headers import read_headers
from cxrreport.pipeline.run import open_run
from cxrreport.records import FileEntry, Instance
from cxrreport.settings import load_settings


def see_and_fall(max_dataset_mb: int, name_key: bytes, entries: list[FileEntry]) -> Iterator[object]:
    """A reader that a file called `crash` ends, one called `endless` keeps, and one called `greedy` fills."""
    for entry in entries:
        if entry.path.endswith("crash"):
            os._exit(11)
        if entry.path.endswith("endless"):
            time.sleep(60)
        if entry.path.endswith("greedy"):
            bytearray(8 << 30)
    yield from see_all(max_dataset_mb, name_key, entries)


def entries_of(folder: Path, *odd: str) -> list[FileEntry]:
    for number in range(6):
        write_visit(folder, Visit(f"A80{number}", "P0", "20240101"))
    for name in odd:
        (folder / name).write_bytes(b"no preamble, so that it wants the careful reader" * 20)
    return [look_at(str(path)) for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize(("few", "workers"), [(1, 2), (1000, 2), (1, 0)])
def test_every_file_is_seen_in_order_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, workers: int
) -> None:
    monkeypatch.setattr(headers, "_FEW", few)
    monkeypatch.setattr(headers, "_CHUNK", 2)
    entries = entries_of(tmp_path / "export", "z_text")
    with open_run(load_settings(home=tmp_path / "home", workers=workers)) as run:
        found = list(read_headers(run, iter(entries)))
    assert [entry for entry, _ in found] == entries
    assert all(isinstance(seen, Instance) and seen.file == entry for entry, seen in found[:-1])
    assert found[-1][1] is None
    assert len({seen.name_sha256 for _, seen in found[:-1]}) == 1 and found[0][1].name_sha256  # keyed in the child too


@pytest.mark.parametrize("few", [1, 1000])
def test_a_header_that_costs_the_child_costs_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(headers, "_FEW", few)
    monkeypatch.setattr(headers, "see_all", see_and_fall)
    entries = entries_of(tmp_path / "export", "a_crash", "b_endless", "c_greedy", "z_text")
    with open_run(load_settings(home=tmp_path / "home", workers=1, decode_timeout_s=1.5)) as run:
        found = dict(read_headers(run, iter(entries)))
    codes = [seen.code for seen in found.values() if isinstance(seen, InputError)]
    assert list(found) == entries and codes == ["header.crash", "header.timeout", "header.memory"]
    assert sum(isinstance(seen, Instance) for seen in found.values()) == 6


@pytest.mark.parametrize("few", [1, 1000])
def test_nothing_more_is_read_once_the_run_is_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(headers, "_FEW", few)
    monkeypatch.setattr(headers, "_CHUNK", 1)
    entries = entries_of(tmp_path / "export", *(f"a{number}" for number in range(6)))
    with open_run(load_settings(home=tmp_path / "home", workers=1)) as run:
        looks = read_headers(run, iter(entries))
        first = next(looks)
        os.kill(os.getpid(), signal.SIGTERM)
        assert first[0] == entries[0] and list(looks) == []
    assert run.exit_code == 143


def test_a_header_that_crashed_is_read_again_the_next_night(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may have been to blame."""
    write_visit(tmp_path, Visit("A900", "P9", "20240101"))
    (tmp_path / "a_crash").write_bytes(bytes(600))
    with monkeypatch.context() as crashing:
        crashing.setattr(headers, "see_all", see_and_fall)
        found = tool.json("generate", tmp_path, "--dry-run", "--workers", "1", code=3)
    assert (found["failed"], found["due"]) == ({"header.crash": 1}, 1)
    again = tool.json("generate", tmp_path, "--dry-run")
    assert (again["failed"], again["skipped"]) == ({}, {"not_dicom": 1})


def test_a_quiet_night_starts_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a child was started")

    entries = entries_of(tmp_path / "export")
    monkeypatch.setattr("cxrreport.engine.stream.PipedChild", forbidden)
    with open_run(load_settings(home=tmp_path / "home")) as run:
        assert len(list(read_headers(run, iter(entries)))) == 6
        assert list(read_headers(run, iter([]))) == []
