"""What the retrieval index is to hold of the archive's reports: their texts, and which of them have changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from cxrreport import addenda
from cxrreport.records import Passage
from cxrreport.store.conditions import REPORT_BLOCK
from cxrreport.store.engine import batches
from cxrreport.store.schema import ReportRow

BLOCK = 1024  # reports of neighbouring ids whose digests are added up; see `text_blocks`
_BLOCKS = 64  # asked for at a time: as many rows of a block are held
HAS_TEXT = ReportRow.text_digest.is_not(None)
_BLOCK: ColumnElement[int] = literal_column(REPORT_BLOCK)


def text_blocks(session: Session) -> list[tuple[int, int, int]]:
    """Return how many texts there are among each 1,024 ids: number of the block, count, and sum of the weighed digests.

    The weight of a digest is the place of its id in the block, from 1. Digests have 40 bits, so that sums fit 64. The
    database goes through an index alone, in its order.
    """
    weighed = ReportRow.text_digest * (ReportRow.id % BLOCK + 1)
    query = select(_BLOCK, func.count(), func.sum(weighed)).where(HAS_TEXT).group_by(_BLOCK)
    return [(int(block), count, int(total or 0)) for block, count, total in session.execute(query)]


def text_digests(session: Session, blocks: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield ids and digests of the texts of some blocks."""
    for batch in batches(blocks, _BLOCKS):
        query = select(ReportRow.id, ReportRow.text_digest).where(HAS_TEXT, _BLOCK.in_(batch))
        yield from ((row[0], row[1] or 0) for row in session.execute(query))


def passages(session: Session, report_ids: Collection[int]) -> list[Passage]:
    """Return what is embedded of reports, by id: the impression, or findings where there is none, and what was added.

    The text tower has learnt impressions. Left out are those without a text.
    """
    said = (ReportRow.impression, ReportRow.findings, ReportRow.addendum)
    found: list[Passage] = []
    for batch in batches(report_ids):
        query = select(ReportRow.id, ReportRow.text_digest, *said).where(ReportRow.id.in_(batch), HAS_TEXT)
        rows = session.execute(query.order_by(ReportRow.id))
        found += [Passage(row[0], row[1] or 0, _said(*row[2:])) for row in rows]
    return found


def linked(session: Session, after_id: int, limit: int) -> list[tuple[int, int]]:
    """Return the next reports by id that have a text and a study: the ids of both."""
    return _linked(session, ReportRow.id > after_id, limit)


def links_of(session: Session, report_ids: Collection[int]) -> list[tuple[int, int]]:
    """Return those of the reports that have a text and a study: the ids of both."""
    return [link for batch in batches(report_ids) for link in _linked(session, ReportRow.id.in_(batch), None)]


def _linked(session: Session, which: ColumnElement[bool], limit: int | None) -> list[tuple[int, int]]:
    query = select(ReportRow.id, ReportRow.study_id).where(HAS_TEXT, ReportRow.study_id.is_not(None), which)
    return [(row[0], row[1] or 0) for row in session.execute(query.order_by(ReportRow.id).limit(limit))]


def _said(impression: str, findings: str, addendum: str | None) -> str:
    return addenda.behind(impression.strip() or findings.strip(), addendum or "")
