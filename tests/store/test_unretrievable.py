"""What no study is given is counted, by the reason."""

from datetime import datetime

import pytest
from builders import store as builder
from sqlalchemy import Engine

from cxrreport.records import Report, ReportStatus
from cxrreport.store import reports as archive
from cxrreport.store.engine import session
from cxrreport.store.unretrievable import unretrievable

NOON = datetime(2024, 5, 6, 12)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"accession": "A1", "reported_at": NOON}, set()),
        ({"accession": "A9"}, {"report.undated"}),
        ({"accession": "A1"}, set()),  # its study has a date
        ({"accession": "A2"}, {"report.undated"}),  # its study has none
        ({"reported_at": NOON}, {"report.nameless"}),
        ({}, {"report.undated", "report.nameless"}),
        ({"accession": "A9", "findings": "", "addendum": "x", "reported_at": NOON}, {"report.addition"}),
        ({"accession": "A9", "findings": "", "status": ReportStatus.WITHDRAWN}, set()),
    ],
)
def test_each_reason_is_counted(engine: Engine, changes: dict, codes: set[str]) -> None:
    builder.scan(engine, "1", "P1", studied_at=NOON)
    builder.scan(engine, "2", "P2", studied_at=None)
    with session(engine) as current:
        archive.add_reports(current, [(Report("r.csv", "x", **{"findings": "Clear.", **changes}), {})])
        assert unretrievable(current, undated=False) == dict.fromkeys(codes, 1)
        assert unretrievable(current, undated=True) == dict.fromkeys(codes - {"report.undated"}, 1)
