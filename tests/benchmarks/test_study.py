"""The benchmark of a whole study at a tiny size: every row is there, and its numbers fit each other."""

import pytest

from benchmarks import generation, study
from benchmarks.base_size import make_weights
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.drafting.drafter import open_drafter
from cxrreport.model.generation import Decoding
from cxrreport.records import PreparedStudy


def test_it_prints_the_plain_way_and_every_batch(capsys):
    study.main(["--size", "tiny", "--batches", "1", "3", "--tokens", "4", "--device", "cpu", "--peak", "0.5"])
    told, facts, heading, *lines = capsys.readouterr().out.splitlines()
    assert told.startswith("No GPU is at hand") and facts.startswith("tiny, beams 3, 4 tokens, CPU")
    assert heading.split() == ["studies/s", "ms/study", "GFLOP/study", "of", "peak", "ratio"]
    rows = {line[:11].strip(): [float(cell.rstrip("%")) for cell in line[11:].split()] for line in lines}
    assert list(rows) == ["plain", "batch 1", "batch 3"] and rows["plain"][4] == 1
    assert all(cell > 0 for row in rows.values() for cell in (*row[:3], row[4]))
    assert rows["batch 1"][2] == rows["batch 3"][2] < rows["plain"][2]  # a study's, whatever is beside it


def test_both_ways_draft_each_study(monkeypatch):
    samples = draw_phantoms(2, 0)
    weights = make_weights("tiny", samples, "cpu")
    weights.network.eval()
    films, asked = [PreparedStudy(s.pixels[0], s.pixels[1]) for s in samples], []
    monkeypatch.setattr(generation, "peer", lambda work: asked.append(work.memory.shape[0]))
    study.plain(weights, films, Decoding(3, 4, 4))()
    assert asked == [1, 1]
    assert len(study.ours(open_drafter(weights, Decoding(3, 4, 4)), films)()) == 2


@pytest.mark.parametrize(
    ("name", "peak"), [("NVIDIA H200", 67.0), ("NVIDIA H100 PCIe", 51.0), ("NVIDIA L40S", 91.6), ("NVIDIA L4", 30.3)]
)
def test_a_device_is_known_by_its_name(name, peak):
    assert study.find_peak(name) == peak and study.find_peak("CPU, 1 thread(s)") is None
