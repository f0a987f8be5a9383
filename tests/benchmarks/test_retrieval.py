"""How the benchmark of retrieval weighs an indication beside a retriever."""

import numpy as np

from benchmarks.retrieval import fused, gain, words


def test_ranks_are_added_up_by_weight_and_ties_stay_in_the_order_of_the_first():
    first, second = np.array([[2, 0, 1, 3]]), np.array([[3, 1, -1, -1]])
    assert fused(first, second, (1.0, 0.0)).tolist() == [[2, 0, 1, 3]]
    assert fused(first, second, (0.0, 1.0)).tolist() == [[3, 1, 2, 0]]
    assert fused(first, second, (1.0, 1.0)).tolist() == [[3, 1, 2, 0]]  # 1/64 + 1/61, 1/63 + 1/62, 1/61, 1/62


def test_a_ranking_gains_nothing_on_itself():
    states, rows = np.ones((3, 14), np.int64), np.zeros((3, 21), np.int64)
    assert gain(rows, rows, states, states, np.ones(3, bool)).count("+0.000 .. +0.000") == 3


def test_age_sex_and_holes_are_no_words():
    assert words("XXXX-year-old female with chest pain.").split() == ["with", "chest", "pain", "."]
