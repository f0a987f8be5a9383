"""What do the commands cost beside an archive of 1,000,000 images?

    python -m benchmarks.catalogue [--images 1000000] [--db postgresql://…] [--home FOLDER]

Fills a new database: half as many studies as images, a fifth as many patients, a signed report and a draft of 14 findings
for three in ten images. Prints processor seconds of each command, start of the tool included; of PostgreSQL its own are not
among them. Peer, in the same run: `runs`, which reads one small table. `--home` keeps the database, and a second run fills
nothing.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from benchmarks.arguments import make_parser, positive
from benchmarks.memory import spent
from cxrreport.findings import FINDINGS
from cxrreport.store.engine import open_database, prepare

_NOW = "'2026-01-01 00:00:00'"
_STATES = "CASE i % 5 WHEN 0 THEN 'positive' WHEN 1 THEN 'uncertain' ELSE 'negative' END"
# name of a table -> its columns and what they hold in row i; the rest is added below
_PATIENT = {"issuer": "'H'", "mrn": "'P' || i", "birth_date": "'1950-01-01'", "sex": "'F'"}
_STUDY = {
    "uid": "'1.2.826.' || i",
    "patient_id": "1 + (i * 7) % {patients}",
    "studied_at": "{moment}",
    "time_known": "TRUE",
    "birth_date": "'1950-01-01'",
    "sex": "'F'",
    "accession": "'A' || i",
    "description": "'CHEST PA AND LATERAL'",
    "institution": "'HOSPITAL'",
    "name_sha256": "''",
    "age_years": "60",
}
_FILE = {"path": "'/pacs/' || (i / 400) || '/' || i || '.dcm'", "size": "9000000", "mtime_ns": "1000000000"}
_IMAGE = _FILE | {
    "sop_uid": "'1.2.826.' || i || '.1'",
    "study_id": "1 + i / 2 % {studies}",
    "view": "CASE i % 2 WHEN 0 THEN 'pa' ELSE 'lateral' END",
    "view_source": "'tags'",
    "view_probability": "1",
    "height": "2500",
    "width": "2048",
    "transfer_syntax": "'1.2.840.10008.1.2.1'",
    "usable": "i % 50 > 0",
    "reason": "CASE i % 50 WHEN 0 THEN 'body_part' END",
    "origin": "'original'",
    **dict.fromkeys(("manufacturer", "model", "station", "presentation_intent", "image_type"), "''"),
}
_REPORT = {
    "source": "'archive.csv'",
    "external_id": "'A' || i",
    "accession": "'A' || i",
    "study_uid": "''",
    "issuer": "''",
    "mrn": "'P' || (1 + (i * 7) % {patients})",
    "study_id": "i",
    "patient_id": "1 + (i * 7) % {patients}",
    "reported_at": "{moment}",
    "status": "'final'",
    "findings": "'The lungs are clear. Heart size is normal. No pleural effusion or pneumothorax. Report ' || i",
    "impression": "'No acute disease.'",
    "comparison": "''",
    "labels": "'{{}}'",
    "label_source": "'rules'",
    "identity_sha256": "'i' || i",
    "text_sha256": "'t' || i",
    "text_digest": "i",
}
_DRAFT = {
    "study_id": "i",
    "prior_reason": "'prior.none'",
    "run_id": "1",
    "status": "CASE i % 20 WHEN 0 THEN 'reviewed' ELSE 'preliminary' END",
    "findings": "'The lungs are clear. Heart size is normal. No pleural effusion or pneumothorax is seen.'",
    "impression": "'No acute disease.'",
    "comparison": "'None.'",
    "weights_sha256": "'w'",
    "preprocess_version": "1",
    "index_version": "''",
    "decoding": "'{{}}'",
    "flags": """CASE i % 10 WHEN 0 THEN '["film_unusual"]' ELSE '[]' END""",
    "inputs_sha256": "'s' || i",
    "created_at": _NOW,
    "priority": "CASE i % 30 WHEN 0 THEN 'urgent' ELSE 'routine' END",
    "shadow": "FALSE",
    "abstained": "''",
}
_FINDING = {
    "draft_id": "1 + i / 14",
    "finding": f"CASE i % 14 {' '.join(f'WHEN {n} THEN {name!r}' for n, name in enumerate(FINDINGS))} END",
    "state": _STATES,
    "probability": "0.1",
    "raw_score": "0.1",
    "change": "CASE WHEN i % 97 = 0 THEN 'new' END",
    "withheld": "''",
}
_RUN = {
    "started_at": _NOW,
    "ended_at": _NOW,
    "argv": "'[]'",
    "host": "'host'",
    "versions": "'{{}}'",
    "counts": "'{{}}'",
}
_COMMANDS = (
    ("runs",),
    ("status",),
    ("drafts", "--limit", "20"),
    ("drafts", "--changed-only", "--limit", "20"),
    ("failures",),
    ("show", "A7"),
    ("forget", "P7", "--dry-run"),
)


def fill(engine: Engine, images: int) -> None:
    """Fill an empty archive with rows that are told by their number alone."""
    studies, patients, told = math.ceil(images / 2), math.ceil(images / 5), math.ceil(images * 3 / 10)
    sizes = {"patients": patients, "studies": studies, "moment": _moment(engine)}
    rows = (
        ("run", 1, _RUN),
        ("patient", patients, _PATIENT),
        ("study", studies, _STUDY),
        ("image", images, _IMAGE),
        ("file", images, _FILE | {"outcome": "'image'", "image_id": "i", "previewed": "false"}),
        ("report", told, _REPORT),
        ("draft", told, _DRAFT),
        ("finding", told * len(FINDINGS), _FINDING),
    )
    for table, count, columns in rows:
        with engine.begin() as connection:
            _insert(connection, table, count, {name: value.format(**sizes) for name, value in columns.items()})
    if engine.dialect.name == "postgresql":  # as its autovacuum would have; SQLite is never told statistics
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("ANALYZE"))


def _moment(engine: Engine) -> str:
    """A quarter of an hour between two studies, from the beginning of 2010 on."""
    if engine.dialect.name == "sqlite":
        return "datetime('2010-01-01', (i * 15) || ' minutes') || '.000000'"
    return "timestamp '2010-01-01' + i * interval '15 minutes'"


def _insert(connection: Connection, table: str, count: int, columns: dict[str, str]) -> None:
    """Insert rows told by their number i: 1 to count; of findings, many of which are of one draft, 0 to count - 1."""
    first = 0 if table == "finding" else 1
    typed = _typed(columns) if connection.dialect.name == "postgresql" else columns
    names, values = ", ".join(typed), ", ".join(typed.values())
    numbers = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1 + first})"  # noqa: S608
    connection.execute(text(f"{numbers} INSERT INTO {table} ({names}) SELECT {values} FROM n"))  # noqa: S608


def _typed(columns: dict[str, str]) -> dict[str, str]:
    """PostgreSQL takes no text for a date or a document."""
    casts = {"birth_date": "date", "argv": "json", "versions": "json", "counts": "json", "labels": "json"}
    casts |= {"decoding": "json", "flags": "json", "started_at": "timestamptz", "ended_at": "timestamptz"}
    casts |= {"created_at": "timestamptz"}
    return {name: f"CAST({value} AS {casts[name]})" if name in casts else value for name, value in columns.items()}


def measure(home: Path, url: str | None) -> Iterator[tuple[str, float]]:
    """Each command with its processor seconds."""
    place = ["--home", str(home), "--quiet", *(["--db", url] if url else [])]
    for command in _COMMANDS:
        yield " ".join(command), spent(*place, *command)[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what each command takes, and its ratio to the peer."""
    parser = make_parser(__doc__)
    parser.add_argument("--images", type=positive, default=1_000_000)
    parser.add_argument("--db")
    parser.add_argument("--home", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = asked.home or Path(folder)
        engine = open_database(asked.db, home)
        prepare(engine)
        with engine.connect() as connection:
            filled = connection.execute(text("SELECT count(*) FROM run")).scalar()
        if not filled:
            fill(engine, asked.images)
        engine.dispose()
        peer = 0.0
        for name, seconds in measure(home, asked.db):
            peer = peer or seconds
            print(f"{name:<40} {seconds:8.2f} s {seconds / peer:8.1f} x", flush=True)


if __name__ == "__main__":
    main()
