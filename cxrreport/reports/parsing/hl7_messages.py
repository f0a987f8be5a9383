"""HL7 v2 messages of a file: MLLP blocks, logs of framed messages, batches, or message after message; streamed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cxrreport.reports.parsing import decode

MAX_MESSAGE = 4 << 20  # bytes
_START, _END = (b"\x0b", b"<SB>"), (b"\x1c", b"<EB>")
_MARKS = rb"\x0b|\x1c|\r\n?|\n"
_PLAIN_MARK = re.compile(rb"(" + _MARKS + rb")")
_LOG_MARK = re.compile(rb"(" + _MARKS + rb"|<R>|<SB>|<EB>)")
_LITERAL = re.compile(rb"<SB>")  # a log of frames; elsewhere <R> may be words
_LONGEST_MARK = 4
_SEGMENT = re.compile(rb"[A-Z][A-Z0-9]{2}")
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")
_LOG_LINE = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|#")


class Broken(str):
    """What is wrong with a message, as the rest of a sentence."""


Message = list[bytes] | Broken


@dataclass
class _Gatherer:
    """Collects segments until a message is whole."""

    segments: list[bytearray] = field(default_factory=list)  # which grow: a copy for each line would cost their square
    size: int = 0
    framed: bool = False
    any_frame: bool = False
    noise: bool = False  # a frame held something that is no segment

    def take(self) -> Iterator[Message]:
        """Give the gathered message, if there is one."""
        if self.size > MAX_MESSAGE:
            yield Broken("is larger than 4 MB")
        elif self.segments:
            yield [bytes(segment) for segment in self.segments]
        elif self.framed and self.noise:
            yield Broken("does not begin with MSH")
        self.segments, self.size, self.noise = [], 0, False

    def add(self, line: bytes) -> Iterator[Message]:
        """Take in one line; a line that begins no segment goes on with the text of the one before."""
        if line.startswith((b"MSH", *_ENVELOPE)) and _is_header(line):
            yield from self.take()
            self.segments = [bytearray(line)] if line.startswith(b"MSH") else []
            self.size = len(line)
        elif not self.segments:
            self.noise = self.noise or bool(line.strip())
        elif not line.strip() or (self.any_frame and not self.framed):
            return
        elif self.size > MAX_MESSAGE:
            self.segments = [self.segments[0]]  # memory stays bounded; take() reports it
        elif _SEGMENT.match(line) and line[3:4] in (b"", self.segments[0][3:4]):
            self.size += len(line)
            self.segments.append(bytearray(line))
        elif self.segments[-1].startswith((b"OBX", b"NTE")) and not _LOG_LINE.match(line):
            self.size += len(line)
            self.segments[-1] += b"\n" + line


def read_messages(path: Path) -> Iterator[Message]:
    """Yield the segments of each message, or what is wrong with it, in order.

    Raises
    ------
    OSError : the file cannot be read.
    """
    gatherer = _Gatherer()
    for mark, line in _lines(path):
        yield from gatherer.add(line)
        if mark in _START:
            yield from gatherer.take()
            gatherer.framed = gatherer.any_frame = True
        elif mark in _END:
            yield from gatherer.take()
            gatherer.framed = False
    yield from gatherer.take()


def _is_header(line: bytes) -> bool:
    """MSH and its like are followed by a field separator, which is neither letter nor digit."""
    return len(line) > 3 and not line[3:4].isalnum() and not line[3:4].isspace()


def _lines(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """(mark that ends it, line); of a line without end only the beginning is kept."""
    rest, marks = b"", _PLAIN_MARK
    for chunk in decode.chunks(path):
        held = rest + chunk
        if marks is _PLAIN_MARK and _LITERAL.search(held):
            marks = _LOG_MARK
        keep = _held_back(held)
        *pairs, rest = marks.split(held[: len(held) - keep])
        yield from zip(pairs[1::2], pairs[::2])
        rest = (rest + held[len(held) - keep :]) if len(rest) <= MAX_MESSAGE else rest[: MAX_MESSAGE + 1]
    *pairs, rest = marks.split(rest)
    yield from zip([*pairs[1::2], b""], [*pairs[::2], rest])


def _held_back(data: bytes) -> int:
    """How many of the last bytes may be the beginning of a mark."""
    tail = data[-_LONGEST_MARK:]
    at = max(tail.rfind(b"\r"), tail.rfind(b"<"))
    return len(tail) - at if at >= 0 else 0
