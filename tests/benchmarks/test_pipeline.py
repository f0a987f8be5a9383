"""The benchmark of several drafting processes on small films and a tiny network."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pipeline


@pytest.mark.timeout(1200)  # five processes load torch, one after the other on a machine that is busy
def test_it_prints_both_and_their_ratio(
    weights: Path, environment: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXRREPORT_BATCH_SIZE", "1")
    pipeline.main(["--studies", "6", "--rows", "320", "--processes", "2", "--weights", str(weights)])
    facts, heading, *lines = capsys.readouterr().out.splitlines()
    assert facts.startswith("6 studies, 2 with a prior, 320 rows") and facts.endswith("the same drafts")
    assert len(heading.split("  ")) > 7
    found = {line.split()[0]: [float(cell) for cell in line.split()[1:]] for line in lines}
    assert list(found) == ["1", "2", "ratio"] and all(value > 0 for cells in found.values() for value in cells)
    assert all(cells[4] <= 1 for name, cells in found.items() if name != "ratio")  # busy
    assert found["2"][6] > found["1"][6]  # memory of several processes


def test_films_are_of_all_kinds_and_pairs(tmp_path: Path) -> None:
    from cxrreport.imaging.header import read_header
    from cxrreport.records import FileEntry

    pipeline.write_export(tmp_path, 6, 320)
    found = [read_header(FileEntry(str(path), path.stat().st_size, 0)) for path in sorted(tmp_path.iterdir())]
    assert len({one.transfer_syntax for one in found}) == len(pipeline.SYNTAXES)
    assert {(one.rows, one.columns, one.bits_stored) for one in found} == {(320, 262, 12)}
    assert [one.patient_id for one in found] == ["P0", "P1", "P2", "P2", "P3", "P3"]
