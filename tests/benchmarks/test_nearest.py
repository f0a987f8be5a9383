"""The benchmark of many vectors, at a size that takes no time."""

import numpy as np

from benchmarks.nearest import COUNT, draw, made_seeds, print_scale, recall


def test_it_runs_and_its_peer_finds_the_same(capsys):
    print_scale(made_seeds(16), 3000, lambda work, *arguments: work(*arguments))
    printed = capsys.readouterr().out
    assert "IndexFlatIP 1.0000 of its scores are reached by ours" in printed
    assert f"@21 1.0000, @{COUNT} 1.0000 of exact search" in printed  # too few for lists
    assert all(f"batch {size}" in printed for size in (1, 8, 64)) and "add 500" in printed


def test_recall_is_by_score():
    exact = np.array([[0.9, 0.8, 0.7]])
    assert recall(np.array([[0.9, 0.8, 0.8]]), exact, 2) == 1
    assert recall(np.array([[0.9, 0.7, 0.6]]), exact, 2) == 0.5


def test_what_is_drawn_is_the_same_each_time_and_of_length_1():
    seeds = made_seeds(16)
    drawn = draw(seeds, 50, seed=3)
    assert (drawn == draw(seeds, 50, seed=3)).all() and np.allclose(np.linalg.norm(drawn, axis=1), 1, atol=1e-6)
