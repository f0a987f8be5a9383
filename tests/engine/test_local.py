import os
import signal
import time

import pytest

from cxrreport.engine.local import LocalEngine
from cxrreport.errors import HeaderError, PixelError


def work(item):
    kind, value = item
    if kind == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "hang":
        time.sleep(60)
    if kind == "hoard":
        return len(bytearray(8 << 30))
    if kind == "fault":
        raise HeaderError("No good.", code="header.incomplete")
    if kind == "defect":
        raise ValueError("Poe^Jane")
    return value * value


def good(value):
    return ("good", value)


@pytest.fixture(scope="module")
def engine():
    with LocalEngine(workers=2, timeout_s=1.5, memory_mb=2048) as engine:
        yield engine


def codes(pairs):
    return [result.code if isinstance(result, Exception) else result for _, result in pairs]


def test_results_come_in_order_beside_their_items(engine):
    items = [good(value) for value in range(12)]
    assert list(engine.map(work, items)) == [(item, item[1] ** 2) for item in items]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("crash", "pixels.crash"), ("hang", "pixels.timeout"), ("hoard", "pixels.memory"), ("defect", "pixels.crash")],
)
def test_only_the_item_that_fails_is_lost_and_the_pool_goes_on(engine, kind, code):
    items = [good(1), good(2), (kind, 0), good(3), (kind, 0), good(4), good(5)]
    assert codes(engine.map(work, items)) == [1, 4, code, 9, code, 16, 25]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_input_error_of_the_child_is_a_value(workers):
    with LocalEngine(workers, 10, 2048) as engine:
        [(item, error)] = engine.map(work, [("fault", 1)])
    assert item == ("fault", 1) and isinstance(error, HeaderError)
    assert (error.message, error.code) == ("No good.", "header.incomplete")


def test_a_defect_does_not_repeat_what_the_exception_says(engine):
    [(_, error)] = engine.map(work, [("defect", 1)])
    assert isinstance(error, PixelError) and "Poe" not in error.message and "ValueError" in error.message


def test_items_are_taken_no_faster_than_results(engine):
    taken = []

    def items():
        for value in range(100):
            taken.append(value)
            yield good(value)

    results = engine.map(work, items())
    next(results)
    assert len(taken) == 4
    results.close()


def test_without_workers_everything_runs_here():
    with LocalEngine(0, 1, 1) as engine:
        assert codes(engine.map(lambda value: value + os.getpid(), [0])) == [os.getpid()]


def test_leaving_ends_children_that_hang():
    start = time.monotonic()
    with LocalEngine(1, 600, 2048) as engine:
        results = engine.map(work, [good(1), ("hang", 0)])
        next(results)
    assert time.monotonic() - start < 20
