"""Every stable code of cxrreport: of errors and failures, of what is left out, of flags, and of why there is no prior.

Codes are a contract: they stand in the database, in JSON and in the log, and docs/codes.md is written from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxrreport.codes.ended import ENDED
from cxrreport.codes.explained import Abstained, Explained, Flag, PriorReason, describe
from cxrreport.codes.failed import FAILED
from cxrreport.codes.left_out import LEFT_OUT
from cxrreport.codes.mends import NAMED

__all__ = ["CODES", "NAMED", "Abstained", "Code", "Explained", "Flag", "PriorReason", "describe"]


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means and what mends it; `exit_code` is that of a command which it ends, or of a run that met it."""

    sentence: str
    mend: str
    exit_code: int


_BY_EXIT = {0: LEFT_OUT, 3: FAILED, **ENDED}
CODES: dict[str, Code] = {
    code: Code(*said, exit_code) for exit_code, codes in _BY_EXIT.items() for code, said in codes.items()
}
