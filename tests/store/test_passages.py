"""What the index is to hold of the reports, told by sums over blocks of ids."""

from __future__ import annotations

import dataclasses

from builders.store import add_reports, make_report
from sqlalchemy import Engine, text, update

from cxrreport.records import ReportStatus
from cxrreport.store.engine import session
from cxrreport.store.passages import BLOCK, links_of, passages, text_blocks, text_digests
from cxrreport.store.schema import ReportRow


def blocks(engine: Engine) -> dict[int, tuple[int, int]]:
    with session(engine, read_only=True) as s:
        return {block: (count, total) for block, count, total in text_blocks(s)}


def test_passages_come_in_order_without_empty_ones(engine: Engine) -> None:
    add_reports(
        engine,
        *(make_report(str(n), findings="" if n == 2 else f"F{n}", impression="I3" if n == 3 else "") for n in range(5)),
    )
    with session(engine, read_only=True) as s:
        found = passages(s, [5, 4, 3, 1, 99])
        digests = dict(text_digests(s, [0]))
        assert links_of(s, [1, 2]) == []  # without a study
    assert [(p.report_id, p.text) for p in found] == [(1, "F0"), (4, "I3"), (5, "F4")]
    assert {p.report_id: p.digest for p in found} == {number: digests[number] for number in (1, 4, 5)}
    assert set(digests) == {1, 2, 4, 5}


def test_a_block_changes_with_any_text_in_it_and_no_other_does(engine: Engine) -> None:
    reports = [make_report("", accession=f"A{n}", findings=f"F{n}") for n in range(4)]
    add_reports(engine, *reports)
    with session(engine) as s:
        s.execute(update(ReportRow).where(ReportRow.id > 2).values(id=ReportRow.id + BLOCK))
    before = blocks(engine)
    assert {block: count for block, (count, _) in before.items()} == {0: 2, 1: 2}
    add_reports(engine, dataclasses.replace(reports[0], findings="Corrected.", status=ReportStatus.CORRECTED))
    corrected = blocks(engine)
    assert corrected[0] != before[0] and corrected[1] == before[1]
    gone = dataclasses.replace(reports[3], findings="", impression="", status=ReportStatus.WITHDRAWN)
    add_reports(engine, gone)
    assert blocks(engine)[1][0] == 1 and blocks(engine)[0] == corrected[0]


def test_two_reports_in_each_others_place_are_told(engine: Engine) -> None:
    """As in another database of the same reports, imported in another order."""
    add_reports(
        engine, make_report("", accession="A1", findings="One."), make_report("", accession="A2", findings="Two.")
    )
    before = blocks(engine)
    with session(engine) as s:
        for old, new in ((1, 9), (2, 1), (9, 2)):
            s.execute(update(ReportRow).where(ReportRow.id == old).values(id=new))
    assert blocks(engine)[0][0] == before[0][0] and blocks(engine) != before


def test_sums_of_a_full_block_are_exact(engine: Engine) -> None:
    """The largest digest in every place of a block: more than a float holds, less than 64 bits."""
    add_reports(engine, *(make_report("", accession=f"A{n}", findings=f"F{n}") for n in range(BLOCK)))
    with session(engine) as s:
        s.execute(update(ReportRow).values(text_digest=(1 << 40) - 1))
    found = blocks(engine)
    assert found[0] == (BLOCK - 1, ((1 << 40) - 1) * sum(range(2, BLOCK + 1)))
    assert found[1] == (1, (1 << 40) - 1)


def test_the_sums_come_from_an_index_in_its_order(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    statement = (
        "SELECT id / 1024, count(*), sum(text_digest * (id % 1024 + 1)) FROM report WHERE text_digest IS NOT NULL"
    )
    with engine.connect() as connection:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {statement} GROUP BY id / 1024")).all()
    assert [row[3] for row in plan] == ["SCAN report USING COVERING INDEX ix_report_block"]
