"""The benchmark beside Hugging Face on a tiny decoder: both do the same steps, and all operations are counted."""

import pytest

from benchmarks import generation
from cxrreport.model.config import PREFIX_LENGTH, tiny
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.generation import Decoding


def _work(batch, tokens):
    return generation.make_work("tiny", batch, Decoding(3, tokens, tokens), "cpu")


def test_it_prints_both_and_their_ratio(capsys):
    generation.main(["--config", "tiny", "--tokens", "4", "--batch", "2", "--device", "cpu"])
    facts, heading, *lines = capsys.readouterr().out.splitlines()
    assert facts.startswith("tiny, batch 2, beams 3, 4 tokens, CPU")
    assert heading.split() == ["reports/s", "GFLOP/report"]
    found = {line[:13].strip(): [float(cell) for cell in line[13:].split()] for line in lines}
    assert list(found) == ["ours", "Hugging Face", "ratio"]
    assert all(value > 0 for values in found.values() for value in values)
    assert found["ours"][1] < found["Hugging Face"][1]  # one cross-attention cache a study, the prefix once


def test_both_make_the_same_steps(monkeypatch):
    work, steps = _work(2, 4), []
    original = ReportDecoder.step
    monkeypatch.setattr(ReportDecoder, "step", lambda self, *given: steps.append("ours") or original(self, *given))
    work.decoder.lm.register_forward_hook(lambda *_: steps.append("peer"))
    generation.ours(work)
    generation.peer(work)
    assert steps == ["ours"] * 4 + ["peer"] * 8  # the peer's are of one report each


def test_every_product_is_counted():
    work, config = _work(2, 1), tiny(generation.VOCABULARY)
    width, ffn, prefix, memory = config.decoder_width, config.decoder["intermediate_size"], PREFIX_LENGTH, work.memory.shape[1]  # fmt: skip  # noqa: E501
    projections = 6 * prefix * width**2 + 2 * memory * width**2 + 2 * prefix * width * ffn
    attention = 2 * prefix * prefix * width + 2 * prefix * memory * width
    head = width**2 + width * generation.VOCABULARY  # of the last position alone
    expected = 2 * (config.decoder["num_hidden_layers"] * (projections + attention) + head)
    assert generation.count_operations(generation.ours, work) == expected


def test_what_cannot_be_is_one_sentence():
    with pytest.raises(SystemExit, match="does not exist here"):
        generation.main(["--device", "cuda:99"])
    with pytest.raises(SystemExit, match="size tiny writes at most 145 tokens"):
        generation.main(["--config", "tiny", "--tokens", "146"])
