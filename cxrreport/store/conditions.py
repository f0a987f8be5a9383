"""What the tables' partial indices and checks hold of, as the databases are asked."""

from sqlalchemy import text

PRELIMINARY = text("status = 'preliminary'")
FLAGS = """CAST(flags AS VARCHAR) = '[]' OR CAST(flags AS VARCHAR) LIKE '["%"]'"""  # a list of words
UNSEEN = text("view IS NULL AND usable")
UNSEEN_1 = text("view IS NULL AND usable = 1")  # as SQLite is asked: it compares words
REFUSED = text("reason IS NOT NULL")
UNDATED = text("reported_at IS NULL")
REPORT_BLOCK = "id / 1024"  # of whole numbers: the block that a report is in
