import pytest
import torch

from cxrreport.model.decoder import ReportDecoder


@pytest.fixture()
def memory(network, features, reports, mask):
    with torch.no_grad():
        return network.remember(features, network.relate(features, reports, mask))


def _ids(network, rows, length, seed=0):
    size = network.config.decoder["vocab_size"]
    return torch.randint(5, size, (rows, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_cached_steps_equal_the_uncached_forward(network, memory):
    decoder: ReportDecoder = network.decoder
    ids = _ids(network, 4, 12)
    whole = decoder(ids, torch.ones_like(ids), *memory)
    cache = decoder.start(*memory)
    found = [decoder.step(ids[:, :6], cache)]
    found += [decoder.step(ids[:, t : t + 1], cache) for t in range(6, 12)]
    assert cache.length == 12
    assert torch.allclose(torch.stack(found, dim=1), whole[:, 5:], atol=1e-4)


@torch.no_grad()
def test_beams_reorder_and_keep_follow_their_own_past(network, memory):
    """Four studies x two beams; beams are swapped, studies 0 and 2 leave: the rest still equals the full forward."""
    decoder: ReportDecoder = network.decoder
    prefix, branches = _ids(network, 4, 3), _ids(network, 8, 1, seed=1)
    cache = decoder.start(*memory)
    decoder.step(prefix, cache)
    cache.widen(2)
    decoder.step(branches, cache)
    swap = torch.tensor([1, 0, 3, 2, 5, 4, 7, 7])
    cache.reorder(swap)
    cache.keep([1, 3])
    last = _ids(network, 4, 1, seed=2)
    found = decoder.step(last, cache)
    rows = swap[[2, 3, 6, 7]]
    ids = torch.cat([prefix[rows // 2], branches[rows], last], dim=1)
    wide = (memory[0][rows // 2], memory[1][rows // 2])
    assert torch.allclose(found, decoder(ids, torch.ones_like(ids), *wide)[:, -1], atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("stay", [[0, 1, 2, 3], [3, 1], [2]])
def test_forgotten_slots_are_no_past_of_any_beam(network, memory, stay, monkeypatch):
    """Three beams that all descend from one again and again, with room for a single step: the rest equals the full forward."""
    monkeypatch.setattr("cxrreport.model.cache._GROWTH", 4)
    decoder: ReportDecoder = network.decoder
    prefix, steps = _ids(network, 4, 3), [_ids(network, 12, 1, seed) for seed in range(1, 8)]
    cache = decoder.start(*memory)
    decoder.step(prefix, cache)
    cache.widen(3)
    said = prefix.repeat_interleave(3, 0)
    parents = torch.tensor([3 * study + (study + 1) % 3 for study in range(4) for _ in range(3)])
    for step in steps:
        decoder.step(step, cache)
        cache.reorder(parents)
        said = torch.cat([said, step], dim=1)[parents]
    assert cache.descent.shape[2] < 3 + 3 * len(steps) and cache.past[0].free <= 4
    cache.keep(stay)
    rows = torch.tensor([3 * study + beam for study in stay for beam in range(3)])
    last = _ids(network, len(rows), 1, seed=9)
    ids, wide = torch.cat([said[rows], last], dim=1), (memory[0][rows // 3], memory[1][rows // 3])
    whole = decoder(ids, torch.ones_like(ids), *wide)[:, -1]
    assert torch.allclose(decoder.step(last, cache), whole, atol=1e-4)


@torch.no_grad()
def test_later_tokens_have_no_influence_on_earlier_ones(network, memory):
    ids = _ids(network, 4, 10)
    changed = ids.clone()
    changed[:, 6:] = _ids(network, 4, 4, seed=9)
    ones = torch.ones_like(ids)
    one, other = network.decoder(ids, ones, *memory), network.decoder(changed, ones, *memory)
    assert torch.allclose(one[:, :6], other[:, :6], atol=1e-5) and not torch.allclose(one[:, 6:], other[:, 6:])


@torch.no_grad()
def test_masked_memory_is_not_seen(network, memory):
    tokens, seen = memory
    ids = _ids(network, 4, 5)
    noise = torch.where(seen.unsqueeze(-1), tokens, torch.full_like(tokens, 3.0))
    one, two = (network.decoder.step(ids, network.decoder.start(m, seen)) for m in (tokens, noise))
    assert not seen.all() and torch.allclose(one, two, atol=1e-5)
