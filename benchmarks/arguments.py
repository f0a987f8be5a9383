"""Command lines of the benchmarks: a parser, and types of numbers, where what is out of range is a sentence of argparse."""

import argparse
from collections.abc import Callable


def make_parser(text: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the text of the module, lines as they are."""
    return argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)


def at_least(least: int) -> Callable[[str], int]:
    """Whole numbers from `least`."""

    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    return number


positive = at_least(1)


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return number


def rate(text: str) -> float:
    """A number above 0 and at most 1."""
    if share(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return share(text)
