"""Tables as editors and broken copies leave them."""

import csv

import pytest

from cxrreport.datasets.disk import read_table
from cxrreport.errors import UsageError

ROWS = [["1", "The heart, is\nenlarged."], ["2", 'No "acute" disease.'], ["3", ""]]
COLUMNS = {"id", "report"}


@pytest.fixture
def table(tmp_path):
    with (tmp_path / "t.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([["id", "report"], *ROWS])
    return tmp_path / "t.csv"


def read(table):
    return [[row["id"], row["report"]] for row in read_table(table, COLUMNS, "The place", "owner")]


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_column(table):
    plain = read(table)
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert read(table) == plain == ROWS


@pytest.mark.parametrize("last", [b"heart, is", b'No ""ac', b"\n2", b"\n3"])
def test_a_table_that_is_cut_within_a_row_is_refused(table, last):
    whole = table.read_bytes()
    table.write_bytes(whole[: whole.index(last) + len(last)])
    with pytest.raises(UsageError, match=r"t\.csv of the owner .* is cut short"):
        read(table)


def test_a_table_that_is_cut_between_rows_looks_whole(table):
    whole = table.read_bytes()
    table.write_bytes(whole[: whole.index(b"3,")])
    assert read(table) == ROWS[:2]
