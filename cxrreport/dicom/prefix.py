"""The header of an ordinary file from one read of its first kilobytes; `opening` reads whatever is unusual.

pydicom takes half a millisecond for a header, most of it for elements that nobody wants. Here an element that is not
wanted costs its eight bytes. What this reader returns is what pydicom would; where that is not certain it returns None.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct

from cxrreport.dicom.guard import (
    CHARACTER_SET,
    ITEM,
    LONG_FORMS,
    MAX_DEPTH,
    MAX_ELEMENTS,
    PIXEL_TAGS,
    SEQUENCE_END,
    UNDEFINED_LENGTH,
)
from cxrreport.dicom.opening import DEFLATED, EXPLICIT_BIG, GE_IMPLICIT, IMPLICIT_LITTLE

_PREFIX_BYTES = 16 << 10  # holds the header of most radiographs
_MOST_BYTES = 1 << 20  # and of those with large private elements
_IMPLICIT = IMPLICIT_LITTLE.encode()
_OTHERS = frozenset(syntax.encode() for syntax in (DEFLATED, EXPLICIT_BIG, GE_IMPLICIT))
_ENCODINGS = {"": "latin-1", "ISO_IR 6": "latin-1", "ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}
_SHORT_FORMS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_SOP_CLASS = 0x00080016
_META_SOP_CLASS, _META_SYNTAX = 0x00020002, 0x00020010
_ITEM_END = 0xFFFEE00D
_ELEMENT, _LONG, _NUMBER = Struct("<HH2sH"), Struct("<I"), Struct("<H")
_unpack = _ELEMENT.unpack_from
_DECIMAL = re.compile(r"[ ]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?[ ]*")
_INTEGER = re.compile(r"[ ]*[+-]?\d{1,9}[ ]*")


class Unusual(Exception):
    """The file wants the careful reader."""


@dataclass(slots=True)
class Prefix:
    """What a header says before Pixel Data: tag -> text, values joined by a backslash; items of wanted sequences."""

    sop_class_uid: str
    transfer_syntax: str
    texts: dict[int, str]
    items: dict[int, list[dict[int, str]]] = field(default_factory=dict)


def read_prefix(path: str, tags: Mapping[int, bytes]) -> Prefix | None:
    """Return what the wanted tags of a file hold; None where that takes the careful reader.

    Parameters
    ----------
    tags : tag -> value representation. Items of a sequence (SQ) are read for the same tags.

    Raises
    ------
    OSError
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for size in (_PREFIX_BYTES, _MOST_BYTES):
            data = os.pread(descriptor, size, 0)
            try:
                return _read(data, tags)
            except IndexError:  # the header goes on behind what was read
                if len(data) < size:
                    return None
            except Unusual:
                return None
    finally:
        os.close(descriptor)
    return None


def _read(data: bytes, tags: Mapping[int, bytes]) -> Prefix:
    if data[128:132] != b"DICM":
        raise Unusual
    meta, start = _meta(data)
    syntax = meta.get(_META_SYNTAX, b"").rstrip(b"\0 ")
    if not syntax or syntax in _OTHERS:
        raise Unusual
    found, sequences = _Walk(data, syntax != _IMPLICIT, tags).walk(start)
    encoding = _encoding(found.pop(CHARACTER_SET, b""))
    texts = {tag: _text(tags[tag], value, encoding) for tag, value in found.items()}
    items = {tag: [_texts(one, tags, encoding) for one in held] for tag, held in sequences.items()}
    sop_class = texts.get(_SOP_CLASS) or meta.get(_META_SOP_CLASS, b"").decode("latin-1").rstrip("\0 ")
    return Prefix(sop_class, syntax.decode("latin-1"), texts, items)


def _texts(found: dict[int, bytes], tags: Mapping[int, bytes], encoding: str) -> dict[int, str]:
    if CHARACTER_SET in found:
        raise Unusual
    return {tag: _text(tags[tag], value, encoding) for tag, value in found.items()}


def _meta(data: bytes) -> tuple[dict[int, bytes], int]:
    """Elements of group 2, always explicit and little endian (PS3.10 7.1), and where the data set begins."""
    found: dict[int, bytes] = {}
    at, end = 132, len(data)
    while at + 12 <= end:
        group, element, form, length = _ELEMENT.unpack_from(data, at)
        if group != 2:
            return found, at
        at += 8
        if form in LONG_FORMS:
            length, at = _LONG.unpack_from(data, at)[0], at + 4
        elif form not in _SHORT_FORMS:
            raise Unusual
        found[group << 16 | element] = data[at : at + length]
        at += length
    raise IndexError


class _Walk:
    """One pass over the elements of a data set in memory."""

    def __init__(self, data: bytes, explicit: bool, tags: Mapping[int, bytes]) -> None:
        self._data, self._explicit, self._tags = data, explicit, {**tags, CHARACTER_SET: b"CS"}
        self._end, self._seen = len(data), 0

    def walk(self, at: int) -> tuple[dict[int, bytes], dict[int, list[dict[int, bytes]]]]:
        """Wanted elements from `at` to Pixel Data, and the items of wanted sequences.

        Raises
        ------
        Unusual. IndexError : Pixel Data lie behind what is in memory.
        """
        found: dict[int, bytes] = {}
        sequences: dict[int, list[dict[int, bytes]]] = {}
        tags, data, end, explicit = self._tags, self._data, self._end, self._explicit
        if not explicit and data[at + 4 : at + 6].isalpha():  # pydicom would take it for an explicit one
            raise Unusual
        previous = -1
        while True:
            if at + 12 > end:
                raise IndexError
            group, element, form, length = _unpack(data, at)
            tag = group << 16 | element
            if explicit and form in _SHORT_FORMS:  # most of them: `_head` without the call
                at += 8
            else:
                tag, form, length, at = self._head(at)
            if tag <= previous:
                raise Unusual
            previous = tag
            if tag in tags:
                self._check(tag, form)
                if tags[tag] == b"SQ":
                    sequences[tag], at = self._items(at, length)
                    continue
                if length > end - at:
                    raise IndexError if length <= _MOST_BYTES else Unusual
                found[tag] = data[at : at + length]
            elif tag in PIXEL_TAGS:
                return found, sequences
            at = at + length if length != UNDEFINED_LENGTH else self._behind(at, form, length)

    def _head(self, at: int) -> tuple[int, bytes, int, int]:
        """Tag, value representation (b"" of an implicit one), length and place of the value."""
        if at + 12 > self._end:
            raise IndexError
        self._seen += 1
        if self._seen > MAX_ELEMENTS:
            raise Unusual
        group, element, form, length = _ELEMENT.unpack_from(self._data, at)
        tag = group << 16 | element
        if not self._explicit or group == 0xFFFE:
            return tag, b"", _LONG.unpack_from(self._data, at + 4)[0], at + 8
        if form in _SHORT_FORMS:
            return tag, form, length, at + 8
        if form not in LONG_FORMS:
            raise Unusual
        return tag, form, _LONG.unpack_from(self._data, at + 8)[0], at + 12

    def _check(self, tag: int, form: bytes) -> None:
        """Refuse a wanted element of another value representation than the standard's."""
        if form and form != self._tags[tag]:
            raise Unusual

    def _behind(self, at: int, form: bytes, length: int) -> int:
        if length != UNDEFINED_LENGTH:
            return at + length
        if form == b"UN":  # its items may be implicit
            raise Unusual
        return self._leap(at)

    def _leap(self, at: int) -> int:
        """Place behind a sequence of undefined length; what has a length is leapt over."""
        depth = 1
        while depth:
            tag, form, length, at = self._head(at)
            if tag == SEQUENCE_END:
                depth -= 1
            elif length == UNDEFINED_LENGTH:
                if form == b"UN":
                    raise Unusual
                depth += tag != ITEM
            elif tag != _ITEM_END:
                at += length
            if depth > MAX_DEPTH:
                raise Unusual
        return at

    def _items(self, at: int, length: int) -> tuple[list[dict[int, bytes]], int]:
        """Items of a wanted sequence, and the place behind it."""
        found: list[dict[int, bytes]] = []
        end = None if length == UNDEFINED_LENGTH else at + length
        while end is None or at < end:
            tag, _, size, at = self._head(at)
            if tag == SEQUENCE_END and end is None:
                return found, at
            if tag != ITEM:
                raise Unusual
            item, at = self._item(at, None if size == UNDEFINED_LENGTH else at + size)
            found.append(item)
        if at != end:
            raise Unusual
        return found, at

    def _item(self, at: int, end: int | None) -> tuple[dict[int, bytes], int]:
        found: dict[int, bytes] = {}
        while end is None or at < end:
            tag, form, length, at = self._head(at)
            if tag == _ITEM_END and end is None:
                return found, at
            if tag in found or tag >> 16 == 0xFFFE:
                raise Unusual
            if tag in self._tags:
                self._check(tag, form)
                if self._tags[tag] == b"SQ" or length > self._end - at:
                    raise Unusual
                found[tag] = self._data[at : at + length]
            at = self._behind(at, form, length)
        if at != end:
            raise Unusual
        return found, at


def _encoding(value: bytes) -> str:
    """Python's name of a Specific Character Set (PS3.3 C.12.1.1.2); those with code extensions are unusual."""
    encoding = _ENCODINGS.get(value.decode("latin-1").strip("\0 "))
    if encoding is None:
        raise Unusual
    return encoding


def _text(form: bytes, value: bytes, encoding: str) -> str:
    """A value as pydicom tells it."""
    if form == b"US":
        if len(value) not in (0, 2):
            raise Unusual
        return str(_NUMBER.unpack(value)[0]) if value else ""
    if form in (b"LO", b"SH", b"LT", b"ST", b"PN"):
        return _free_text(form, value, encoding)
    text = value.decode("latin-1").rstrip(" \0")
    pattern = {b"DS": _DECIMAL, b"IS": _INTEGER}.get(form)
    if pattern and text and not pattern.fullmatch(text):
        raise Unusual
    return text


def _free_text(form: bytes, value: bytes, encoding: str) -> str:
    if b"\x1b" in value or (form == b"PN" and (b"=" in value or b"\\" in value)):
        raise Unusual
    try:
        text = value.decode(encoding)
    except UnicodeDecodeError:
        raise Unusual from None
    if form in (b"LO", b"SH") and "\\" in text:
        return "\\".join(part.rstrip("\0 ") for part in text.split("\\"))
    return text.rstrip("\0 ")
