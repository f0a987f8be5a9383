from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from cxrreport.retrieval.fusion import RETRIEVERS, fuse
from cxrreport.settings import Settings

LISTS = st.lists(st.lists(st.integers(1, 30), unique=True, max_size=20), min_size=2, max_size=3)


def ranked(ids):
    return [(number, 1 - place / 100) for place, number in enumerate(ids)]


def test_a_list_alone_keeps_its_scores():
    assert fuse([[(7, 0.9), (3, 0.2)]]) == [(7, 0.9), (3, 0.2)]


def test_what_is_good_in_both_lists_beats_the_first_of_one():
    fused = fuse([ranked([1, 2, 3]), ranked([4, 2, 5])])
    assert [number for number, _ in fused] == [2, 1, 4, 3, 5]
    assert fused[0][1] == 2 / 62


@given(LISTS)
def test_every_report_once_the_best_first_whatever_the_order_of_the_lists(lists):
    fused = fuse([ranked(ids) for ids in lists])
    assert sorted(number for number, _ in fused) == sorted(set().union(*lists))
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    assert [number for number, _ in fuse([ranked(ids) for ids in lists[::-1]])] == [number for number, _ in fused]


def test_settings_know_the_same_retrievers():
    assert set(get_args(Settings.model_fields["retriever"].annotation)) == set(RETRIEVERS)
