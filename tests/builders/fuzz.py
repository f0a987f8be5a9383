"""Damaged copies of small files for hypothesis, and how many of them are tried.

`FUZZ_EXAMPLES` in the environment sets how many a test tries; without it, `EXAMPLES` that are the same every time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = 800
MARK = "Qzxj"  # part of every name, number and text of a patient in a specimen
ODD = (  # of any format: nothing, no UTF-8, a mark, a space and a turn of direction that nobody sees, half a character
    *(b"\x00", b"\xff", b"\x85", b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xed\xa0\x80"),
    *(b" " * 99, b"\n"),
)
MOST_BYTES = 1 << 16
MOST_SECONDS = 3.0  # of this process, for one file of that size

_chosen = int(os.environ.get("FUZZ_EXAMPLES", 0))
TRIED = _chosen or EXAMPLES


def fuzzed(share: float = 1.0) -> Callable[[Any], Any]:
    """Settings of a test that tries this share of the examples; time is bounded by their number."""
    return settings(
        max_examples=max(1, round(share * TRIED)),
        derandomize=not _chosen,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def soon() -> Iterator[None]:
    """Within, at most `MOST_SECONDS` of processor time may pass."""
    started = time.process_time()
    yield
    assert time.process_time() - started < MOST_SECONDS


# -- damage -----------------------------------------------------------------------------------------------------------

Damage = Callable[[bytes, int, int, bytes], bytes]  # of the bytes, a place, a length and other bytes


def _flip(data: bytes, at: int, length: int, other: bytes) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << length % 8)]) + data[at + 1 :] if at < len(data) else data


_DAMAGES: dict[str, Damage] = {
    "flip a bit": _flip,
    "write over": lambda data, at, length, other: data[:at] + other + data[at + len(other) :],
    "insert": lambda data, at, length, other: data[:at] + other + data[at:],
    "insert often": lambda data, at, length, other: data[:at] + other * length + data[at:],
    "cut out": lambda data, at, length, other: data[:at] + data[at + length :],
    "cut off": lambda data, at, length, other: data[:at],
    "repeat": lambda data, at, length, other: data[: at + length] + data[at:],
    "blank": lambda data, at, length, other: data[:at] + bytes(min(length, len(data) - at)) + data[at + length :],
}


def damaged(specimens: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Copies of the specimens with one to four faults: flips, cuts, repeats, and `words` of the format put in.

    Half of them go on as another specimen somewhere.
    """
    fault = st.tuples(
        st.sampled_from(sorted(_DAMAGES)),
        st.integers(0, 10_000),
        st.one_of(st.integers(0, 12), st.integers(0, 3000)),
        st.one_of(st.sampled_from((*words, *ODD)), st.binary(min_size=1, max_size=4)),
    )
    whole, join = st.sampled_from(specimens), st.integers(0, 20_000)
    return st.builds(_damage, whole, whole, join, st.lists(fault, min_size=1, max_size=4))


def _damage(data: bytes, tail: bytes, join: int, faults: Sequence[tuple[str, int, int, bytes]]) -> bytes:
    if join < 10_000:
        data = data[: len(data) * join // 10_000] + tail[len(tail) * join // 10_000 :]
    for name, place, length, other in faults:
        data = _DAMAGES[name](data, len(data) * place // 10_000, length, other)[:MOST_BYTES]
    return data
