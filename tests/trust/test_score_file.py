"""Numbers that are kept come back as they were, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrreport.errors import UsageError
from cxrreport.trust.score_file import recall, remember

NUMBERS = st.dictionaries(st.text("ab-_0", min_size=1), st.tuples(st.floats(0, 1), st.floats(0, 1)))


@given(NUMBERS)
def test_they_come_back(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("kept") / "n.csv"
    remember(path, numbers)
    assert recall(path, 2) == numbers


def test_nothing_is_kept_where_no_place_is_named(tmp_path):
    remember(None, {"a": (1.0,)})
    assert recall(None, 1) == recall(tmp_path / "none.csv", 1) == {}


@pytest.mark.parametrize("content", ["a,1\n", "a,1,x\n", "\n", "a,1,\n"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "n.csv").write_text(content)
    with pytest.raises(UsageError, match=r"n\.csv .* damaged"):
        recall(tmp_path / "n.csv", 2)
