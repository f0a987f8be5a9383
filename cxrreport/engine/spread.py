"""The one protocol of engines that spread work: a function over a stream of items, in processes here or on a cluster.

An engine is a context manager with the method `spread`. What both sides of a pipe do alike stands here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from cxrreport.codes import CODES
from cxrreport.errors import CxrReportError, InputError
from cxrreport.log import get_log, stack_of

Item = TypeVar("Item")
Result = TypeVar("Result")
Do = Callable[[Item], Result]
Make = Callable[[], Do[Item, Result]]
LOST, DEFECT = "drafter.lost", "drafter.defect"


class Spread(Protocol):
    """Where work runs; use as a context manager, whose end stops the workers. Only the parent writes to the database."""

    def __enter__(self) -> Spread:
        """Workers start with the first items."""

    def __exit__(self, *_: object) -> None:
        """Stop the workers; what they have in hand is dropped."""

    def spread(self, make: Make[Item, Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result | InputError]]:
        """Yield each item with its result, or with the error that cost it, as they are finished.

        Parameters
        ----------
        make : called once in each worker; it opens what is dear (weights, index, a read-only database, children that read)
            and returns what does one item. It must be picklable, and so must items and results; both are small.
        items : pulled as workers ask for them, at most two a worker in flight.

        Codes of errors: `drafter.lost`, the worker was lost with the item and starts anew; `drafter.defect`, something that
        nobody foresaw; or whatever InputError the item raised.

        Raises
        ------
        CxrReportError : what `make` raised, or an error that is no InputError: the surroundings are to blame, not the item.
        UnavailableError : code `drafter.dies`, no worker lives.
        """


def opened(make: Make[Item, Result]) -> Do[Item, Result] | CxrReportError:
    """What does one item, or why it cannot be opened; never raises. For a worker."""
    try:
        return make()
    except CxrReportError as error:
        return error
    except Exception as error:  # its own text may quote values
        return CxrReportError(f"A defect of cxrreport: {stack_of(error)}.", "internal")


def answer(do: Do[Item, Result], item: Item) -> Result | CxrReportError:
    """What comes of one item; never raises. For a worker."""
    try:
        return do(item)
    except CxrReportError as error:
        return error
    except Exception as error:
        get_log().error(DEFECT, stack=stack_of(error))
        return InputError(CODES[DEFECT].sentence, DEFECT)


def checked(found: Any) -> Any:
    """What a worker has answered. Raises the error in it that is no item's."""
    if isinstance(found, CxrReportError) and not isinstance(found, InputError):
        raise found
    return found


def lost() -> InputError:
    """What an item comes to whose worker was lost."""
    return InputError(CODES[LOST].sentence, LOST)
