"""What a child yields comes back in order, and a child that is lost costs the rest of one item."""

import os
import signal
import time

import pytest

from cxrreport.engine.stream import StreamEngine
from cxrreport.errors import PixelError, ReportError


def letters(item):
    """The letters of a word, and what its last sign does."""
    for sign in item:
        if sign == "!":
            os.kill(os.getpid(), signal.SIGKILL)
        elif sign == "?":
            time.sleep(60)
        elif sign == "#":
            yield len(bytearray(8 << 30))
        elif sign == "%":
            raise ValueError("Poe^Jane")
        elif sign == "$":
            raise ReportError("No good.", "report.empty")
        elif sign == "&":
            time.sleep(0.8)
            yield None
        elif sign == "x":
            yield sign * 300_000  # more than a pipe holds
        else:
            yield sign


@pytest.fixture(scope="module")
def engine():
    with StreamEngine(workers=2, timeout_s=1.5, memory_mb=2048) as engine:
        yield engine


def said(pairs):
    return [(item, getattr(result, "code", result)) for item, result in pairs]


def spelt(*words):
    return [(word, sign) for word in words for sign in word]


def test_results_of_many_items_come_in_order(engine):
    words = [f"{number:o}" for number in range(200)] + ["", "y" * 500]
    assert said(engine.stream(letters, words)) == spelt(*words)
    assert said(StreamEngine(0, 1, 1).stream(letters, words)) == spelt(*words)


def test_a_result_may_be_larger_than_a_pipe(engine):
    assert [len(result) for _, result in engine.stream(letters, ["xx", "ax"] * 30)] == [
        300_000,
        300_000,
        1,
        300_000,
    ] * 30


@pytest.mark.parametrize(
    ("sign", "code"),
    [
        ("!", "report.crash"),
        ("?", "report.timeout"),
        ("#", "report.memory"),
        ("%", "report.crash"),
        ("$", "report.empty"),
    ],
)
def test_what_is_lost_is_the_rest_of_one_item(engine, sign, code):
    bad = f"ab{sign}c"
    expected = [
        *spelt("k", "l"),
        (bad, "a"),
        (bad, "b"),
        (bad, code),
        *spelt("mn"),
    ]
    assert said(engine.stream(letters, ["k", "l", bad, "mn"])) == expected


def test_an_item_may_take_long_that_shows_life(engine):
    assert said(engine.stream(letters, ["a&&b"])) == [("a&&b", "a"), ("a&&b", "b")]


def test_the_error_is_of_the_family_and_quotes_nothing():
    [(_, error)] = StreamEngine(0, 1, 1, PixelError).stream(letters, ["%"])
    assert (type(error), error.code) == (PixelError, "pixels.crash") and "Poe" not in error.message


def test_items_are_taken_no_faster_than_results_and_children_end(engine):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield "ab"

    results = engine.stream(letters, items())
    assert next(results) == ("ab", "a") and len(taken) <= 100
    results.close()
    assert said(engine.stream(letters, ["ab"])) == spelt("ab")


def test_a_child_that_hangs_is_not_waited_for_once_the_run_is_cancelled():
    begun = time.monotonic()
    with StreamEngine(1, 600, 2048, cancelled=lambda: time.monotonic() > begun + 0.2) as engine:
        assert said(engine.stream(letters, ["?"])) == [("?", "report.timeout")]
    assert time.monotonic() < begun + 30
