"""Small groups are told together: none is named, and none can be taken out of the whole again."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.trust.pooling import ALL, ALL_READERS, NOBODY, OTHERS, SMALL, Pools, pool, pool_in_order, pool_readers

SIZES = st.dictionaries(st.sampled_from([*"abcdefg", ALL, OTHERS, NOBODY, ALL_READERS]), st.integers(1, 60), max_size=9)


def told(pools: Pools, sizes: Mapping[str, int]) -> list[int]:
    return [sum(sizes[name] for name in names) for _, names in pools]


@pytest.mark.parametrize("make", [pool, pool_in_order, pool_readers])
@given(sizes=SIZES)
def test_every_study_is_told_once_and_no_row_is_small(make, sizes: dict[str, int]) -> None:
    pools = make(sizes)
    assert sorted(name for _, names in pools for name in names) == sorted(sizes)
    assert all(studies >= SMALL for studies in told(pools, sizes)) or len(pools) == 1


@pytest.mark.parametrize("make", [pool, pool_in_order, pool_readers])
@given(sizes=SIZES)
def test_no_sums_of_rows_leave_a_small_group(make, sizes: dict[str, int]) -> None:
    """Whatever rows are taken from the whole, what is left is nothing, or large."""
    rows = told(make(sizes), sizes)
    for number in range(len(rows)):
        assert all(sum(rows) - sum(some) >= SMALL or len(rows) == 1 for some in combinations(rows, number))


@given(sizes=SIZES)
def test_what_is_pooled_is_not_one_group(sizes: dict[str, int]) -> None:
    for name, names in pool(sizes):
        assert names == [name] or len(names) > 1 or sizes.keys() == {*names}


def test_a_lone_small_group_takes_a_large_one_along() -> None:
    assert pool({"a": 100, "b": 90, "c": 3}) == [("a", ["a"]), (OTHERS, ["b", "c"])]
    assert pool({"a": 100, "c": 3}) == [(ALL, ["a", "c"])]
    assert pool({"a": 3}) == [(ALL, ["a"])] and pool({}) == []


def test_months_are_joined_with_those_that_follow() -> None:
    sizes = {"2024-01": 5, "2024-02": 30, "2024-03": 25, "2024-04": 30, "2024-05": 2}
    assert [name for name, _ in pool_in_order(sizes)] == ["2024-01 to 2024-02", "2024-03", "2024-04 to 2024-05"]


@given(sizes=SIZES)
def test_no_reader_is_told_among_less_than_three(sizes: dict[str, int]) -> None:
    pools = pool_readers(sizes)
    people = {name for name, names in pools if names == [name] and name != NOBODY}
    assert len(people) >= 3 or len(people) <= (len(sizes) == 1)
    if len(sizes.keys() - {NOBODY}) < 3:
        assert [name for name, _ in pools] == [ALL] * bool(sizes)


def test_readers_are_one_where_too_few_can_be_told() -> None:
    assert pool_readers({"A": 50, "B": 40, "C": 2, NOBODY: 30}) == [(ALL_READERS, ["A", "B", "C"]), (NOBODY, [NOBODY])]
    assert pool_readers({"A": 50, "B": 40, "C": 2, NOBODY: 3}) == [(ALL, ["A", "B", "C", NOBODY])]
    assert [name for name, _ in pool_readers({"A": 50, "B": 40, "C": 20})] == ["A", "B", "C"]
