import pytest

from cxrreport.evaluation.published import COLUMNS, published_rows


def test_every_row_has_a_source_and_plausible_scores():
    rows = published_rows()
    assert len(rows) == 38 and len({row["model"] for row in rows}) == len(rows)
    for row in rows:
        assert row["source"] and row["bleu_4"] is not None
        assert all(row[name] is None or 0 < row[name] < 1 for name in COLUMNS)
        bleu = [row[name] for name in COLUMNS[:4] if row[name] is not None]
        assert bleu == sorted(bleu, reverse=True)


def test_the_row_that_the_goals_name():
    row = published_rows()[0]
    assert [row[name] for name in COLUMNS] == pytest.approx([0.470, 0.304, 0.219, 0.165, 0.187, 0.371])
    assert row["model"].startswith("R2Gen ") and "SCOPE" in row["source"]
