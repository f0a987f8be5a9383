"""The archive that is made up holds what it says, and every command answers on it."""

from pathlib import Path

import pytest

from benchmarks import catalogue
from cxrreport.store.engine import open_database, prepare, session
from cxrreport.store.runs import archive_status


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    if request.param == "postgresql":
        return request.getfixturevalue("new_postgres")()
    return None


def test_the_archive_is_of_the_size_that_was_asked_for(url: str | None, tmp_path: Path) -> None:
    engine = open_database(url, tmp_path)
    prepare(engine)
    catalogue.fill(engine, 100)
    with session(engine, read_only=True) as s:
        found = archive_status(s)
    engine.dispose()
    assert (found["patients"], found["studies"], found["reports"], found["linked_reports"]) == (20, 50, 30, 30)
    assert found["undrafted"] == 20 and found["drafts"]["preliminary"] + found["drafts"]["reviewed"] == 30
    assert sum(sum(counts.values()) for counts in found["images"].values()) == 100


def test_it_prints_each_command_beside_its_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue.main(["--images", "100", "--home", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(catalogue._COMMANDS) and lines[0].startswith("runs") and lines[0].endswith("1.0 x")
