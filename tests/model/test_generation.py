import itertools

import pytest
import torch

from cxrreport.model.config import DiffRGenNetConfig
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.generation import Decoding, generate

END, BANNED, SIZE = 1, [0, 5], 6  # a toy vocabulary: pad, end, three words, begin
WORDS = (2, 3, 4)


@pytest.fixture(scope="module")
def toy():
    """A decoder of six tokens with wide weights and memory for five studies."""
    torch.manual_seed(0)
    bert = {
        "model_type": "bert", "vocab_size": SIZE, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 40, "pad_token_id": 0,
    }  # fmt: skip
    decoder = ReportDecoder(DiffRGenNetConfig(decoder=bert)).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.6)
    memory_mask = torch.ones(5, 4, dtype=torch.bool)
    memory_mask[1, 2:] = False
    return decoder, torch.randn(5, 4, 8), memory_mask, torch.tensor([[5, 2], [5, 3], [5, 4], [5, 2], [5, 3]])


def _generate(toy, decoding, rows=slice(None)):
    decoder, memory, memory_mask, prefix = toy
    pools = generate(decoder, memory[rows], memory_mask[rows], prefix[rows], END, BANNED, decoding)
    assert len(pools) == len(memory[rows]) > 0
    return [pool[0] for pool in pools]


@torch.no_grad()
def _log_probability(toy, row, text):
    """Sum of the log-probabilities of a text after the prefix, by the uncached forward."""
    decoder, memory, memory_mask, prefix = toy
    ids = torch.cat([prefix[row], torch.tensor(text, dtype=torch.long)])[None]
    logits = decoder(ids, torch.ones_like(ids), memory[row : row + 1], memory_mask[row : row + 1])
    picked = logits.log_softmax(-1)[0, prefix.shape[1] - 1 : -1].gather(1, torch.tensor(text)[:, None])
    return picked.sum().item()


def _brute_force(toy, row, d):
    """Every report that may be said, with its score."""
    candidates = []
    for length in range(d.min_new_tokens, d.max_new_tokens + 1):
        for words in itertools.product(WORDS, repeat=length):
            if length < d.max_new_tokens:
                total = _log_probability(toy, row, [*words, END])
                candidates.append((total / (length + 1) ** d.length_penalty, list(words), True))
            else:
                total = _log_probability(toy, row, list(words))
                candidates.append((total / length**d.length_penalty, list(words), False))
    return max(candidates)


@pytest.mark.parametrize(("penalty", "least"), [(1.0, 0), (1.0, 2), (0.0, 1), (2.0, 0)])
def test_beam_search_over_everything_is_brute_force(toy, penalty, least):
    decoding = Decoding(beams=SIZE**3, max_new_tokens=3, min_new_tokens=least, length_penalty=penalty)
    for row, found in enumerate(_generate(toy, decoding)):
        score, ids, complete = _brute_force(toy, row, decoding)
        assert (found.ids, found.complete) == (ids, complete)
        assert found.score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("beams", [1, 2, 4])
def test_score_is_the_mean_log_probability_of_what_was_said(toy, beams):
    for row, found in enumerate(_generate(toy, Decoding(beams=beams, max_new_tokens=12, min_new_tokens=4))):
        said = [*found.ids, END] if found.complete else found.ids
        assert found.score == pytest.approx(_log_probability(toy, row, said) / len(said), abs=1e-4)


def test_more_beams_find_no_worse_report(toy):
    """Not a law of beam search, but of these five studies; a search that lost its best beam would break it."""
    totals = [
        sum(g.score for g in _generate(toy, Decoding(beams=beams, max_new_tokens=6, min_new_tokens=2)))
        for beams in (1, 3, 50)
    ]
    assert totals[0] <= totals[1] + 1e-6 and totals[1] <= totals[2] + 1e-6


@pytest.mark.parametrize("beams", [1, 3])
def test_the_batch_does_not_matter(toy, beams):
    decoding = Decoding(beams=beams, max_new_tokens=15, min_new_tokens=1)
    together = _generate(toy, decoding)
    assert len({len(g.ids) for g in together}) > 1  # some leave the batch before others
    for row in range(5):
        (alone,) = _generate(toy, decoding, slice(row, row + 1))
        assert (alone.ids, alone.complete) == (together[row].ids, together[row].complete)
        assert alone.score == pytest.approx(together[row].score, abs=1e-4)
    assert [g.ids for g in _generate(toy, decoding, [4, 2, 0])] == [together[i].ids for i in (4, 2, 0)]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(("least", "most"), [(0, 4), (6, 9), (12, 12)])
def test_lengths_hold_and_banned_tokens_never_come(toy, beams, least, most):
    for found in _generate(toy, Decoding(beams=beams, max_new_tokens=most, min_new_tokens=least)):
        assert least <= len(found.ids) <= most
        assert set(found.ids) <= set(WORDS)
        assert found.complete or len(found.ids) == most


def test_all_finished_beams_come_the_likeliest_first(toy):
    decoder, memory, memory_mask, prefix = toy
    decoding = Decoding(beams=4, max_new_tokens=8, min_new_tokens=1)
    pools = generate(decoder, memory, memory_mask, prefix, END, BANNED, decoding)
    assert pools
    for pool in pools:
        assert len(pool) == 4 and len({tuple(found.ids) for found in pool}) == 4
        assert [found.score for found in pool] == sorted((found.score for found in pool), reverse=True)
