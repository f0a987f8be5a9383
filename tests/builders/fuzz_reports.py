"""What every reader of reports owes, whatever it is fed."""

from __future__ import annotations

from pathlib import Path

from builders.fuzz import MARK, soon
from cxrreport.codes import CODES
from cxrreport.records import Failure, Report
from cxrreport.reports import readers
from cxrreport.reports.readers import Item

_TEXTS = ("findings", "impression", "comparison", "indication", "addendum")
_NAMES = ("source", "external_id", "accession", "study_uid", "patient_id", "issuer")


def read_fuzzed(path: Path, data: bytes, form: str | None = None) -> list[Item]:
    """Read a file as `index` does, and hold the answer to its promises.

    It comes soon and without an exception, it is the same the second time, no sentence quotes a patient, and a database
    can hold every report.
    """
    path.write_bytes(data)
    with soon():
        found = list(readers.read_path(path, {}, form, preliminary=True))
    for one in found:
        _check_report(one) if isinstance(one, Report) else _check_told(one)
    assert sum(len(getattr(one, name)) for one in found if isinstance(one, Report) for name in _TEXTS) <= 40 * len(data)
    assert len(found) <= len(data) + 1
    assert list(readers.read_path(path, {}, form, preliminary=True)) == found
    return found


def _check_told(one: Item) -> None:
    assert one.code in CODES
    if isinstance(one, Failure):
        assert MARK.lower() not in one.message.lower() and len(one.message) < 300 and one.message.isprintable()


def _check_report(one: Report) -> None:
    assert one.external_id or one.accession or one.study_uid
    assert one.reported_at is None or one.reported_at.tzinfo is None
    for text in (getattr(one, name) for name in (*_TEXTS, *_NAMES)):
        assert text.encode() is not None and "\x00" not in text
    assert all(getattr(one, name).isprintable() for name in _NAMES[1:])
