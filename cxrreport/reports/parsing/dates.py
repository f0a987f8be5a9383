"""Dates as hospitals write them, on their own clock: a time zone is dropped, for studies are dated by that clock too."""

from __future__ import annotations

import re
from datetime import datetime

from cxrreport.records import YEARS

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]{{0,6}}"
_LOCAL = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?!\d)")
_NAMED = re.compile(rf"(\d{{1,2}})[ ./-]{{0,2}}{_MONTH}[ .,/-]{{0,2}}(\d{{4}})(?!\d)", re.IGNORECASE)
_NAME_FIRST = re.compile(rf"{_MONTH}[ .-]{{0,2}}(\d{{1,2}})[ ,.-]{{1,2}}(\d{{4}})(?!\d)", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d\d)\2(\d\d)(?!\d)")
_ISO = re.compile(  # of HL7, too: its times are digits alone
    r"(\d{4})(-?)(\d\d)\2(\d\d)"
    r"(?:[T ]?(\d\d)(?:(:?)(\d\d)(?:\6(\d\d)(?:[.,]\d{1,9})?)?)?)?"
    r" ?(?:Z|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_CLOCK = re.compile(
    r"[ T,]*(?:at )?(?:(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)? ?(?:([ap])\.?m\.?)?)? ?(?:Z|[A-Z]{3,4}|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_LONGEST = 40  # characters


def moment(text: str, day_first: bool | None = None) -> datetime | None:
    """Read a date with or without a time: YYYY-MM-DD, YYYYMMDD, 31.12.2020, 12/31/2020 10:30 AM, 31-DEC-2020.

    None where it is no date, lies outside of `YEARS`, or where "03/04/2020" may be two days; `day_first` tells which.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    found = _iso(text) or _local(text, day_first)
    return found if found and found.year in YEARS else None


def day_first(text: str) -> bool | None:
    """Tell from a date whether days stand before months; None where it does not tell."""
    match = _LOCAL.match(text)
    if match and match[2] != "." and max(int(match[1]), int(match[3])) > 12:
        return int(match[1]) > 12
    return None


def hl7_moment(text: str) -> datetime | None:
    """Read an HL7 or DICOM time, YYYYMMDD[HH[MM[SS[.S…]]]][+/-ZZZZ]; None where it is no date."""
    digits = re.match(r"\s*(\d{8}(?:\d\d){0,3})", text, re.ASCII)
    return moment(digits[1]) if digits else None


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[group] or 0) for group in (1, 3, 4, 5, 7, 8))
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _local(text: str, day_first: bool | None) -> datetime | None:
    """Two numbers before a year are a day and a month where dots part them, or one of them can be no month."""
    if match := _LOCAL.match(text):
        first, second = int(match[1]), int(match[3])
        if match[2] != "." and first != second and max(first, second) <= 12:
            if day_first is None:
                return None
            first, second = (first, second) if day_first else (second, first)
        elif match[2] != "." and second > 12:
            first, second = second, first
        return _at(match[4], second, first, text[match.end() :])
    if match := _NAMED.match(text):
        return _at(match[3], _month(match[2]), match[1], text[match.end() :])
    if match := _NAME_FIRST.match(text):
        return _at(match[3], _month(match[1]), match[2], text[match.end() :])
    match = _YEAR_FIRST.match(text)
    return _at(match[1], match[3], match[4], text[match.end() :]) if match else None


def _month(name: str) -> int:
    return _MONTHS.index(name.lower()) + 1


def _at(year: str, month: int | str, day: int | str, clock: str) -> datetime | None:
    told = _CLOCK.fullmatch(clock)
    if told is None:
        return None
    hour, half = int(told[1] or 0), (told[4] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + 12 * (half == "p") if half else hour
    try:
        return datetime(int(year), int(month), int(day), hour, int(told[2] or 0), int(told[3] or 0))
    except ValueError:
        return None
