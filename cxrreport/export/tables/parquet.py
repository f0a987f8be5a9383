"""`studies.parquet` and `findings.parquet`: typed columns, written a group of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cxrreport import DISCLAIMER
from cxrreport.errors import ConfigurationError
from cxrreport.export.folder import Folder
from cxrreport.export.formats import Streaming
from cxrreport.export.subject import Subject
from cxrreport.export.tables.columns import FINDING_ROW, STUDY, VERSION, Column, Kind, Row, finding_rows, study_row

try:
    import pyarrow as pa
    from pyarrow import parquet
except ImportError:
    raise ConfigurationError("Parquet is written by pyarrow, which is not installed.", "export.tables") from None

if TYPE_CHECKING:
    from pathlib import Path

_STUDIES = 1000  # whose rows are held in memory and make one group
# Named one by one, so that another release with other defaults writes the same.
_OPTIONS: dict[str, Any] = {"version": "2.6", "compression": "zstd", "compression_level": 3, "data_page_version": "1.0"}
_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.LOCAL_TIME: pa.timestamp("us"),
    Kind.UTC_TIME: pa.timestamp("us", "UTC"),
    Kind.TEXTS: pa.list_(pa.string()),
}


class Tables(Streaming):
    """Both files."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self._added = 0

    def __enter__(self) -> Tables:
        """Open the files beside their places."""
        self._studies, self._findings = (
            self._open.enter_context(Table(self._open.enter_context(self._folder.whole(f"{name}.parquet")), columns))
            for name, columns in (("studies", STUDY), ("findings", FINDING_ROW))
        )
        return self

    def add(self, subject: Subject) -> None:
        """Take the rows of a study."""
        study, findings = study_row(subject.view), finding_rows(subject.view)
        self._studies.rows.append(study)
        self._findings.rows.extend(findings)
        self._added += 1
        if self._added % _STUDIES == 0:
            self._studies.flush()
            self._findings.flush()


class Table:
    """One file; `rows` are those that are not written yet."""

    def __init__(self, place: Path, columns: Iterable[Column]) -> None:
        self.rows: list[Row] = []
        self._schema = schema(columns)
        self._writer = parquet.ParquetWriter(place, self._schema, **_OPTIONS)

    def flush(self) -> None:
        """Write the rows as one group."""
        table = pa.Table.from_pylist(self.rows, self._schema)
        self._writer.write_table(table, row_group_size=max(1, len(self.rows)))
        self.rows.clear()

    def __enter__(self) -> Table:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write what is left, unless after an error, and close the file."""
        if kind is None and self.rows:
            self.flush()
        self._writer.close()


def schema(columns: Iterable[Column]) -> pa.Schema:
    """The columns as Parquet types; what each means stands with it."""
    fields = [
        pa.field(column.name, _TYPES[column.kind], column.nullable, {"description": column.meaning})
        for column in columns
    ]
    return pa.schema(fields, {"disclaimer": DISCLAIMER, "cxrreport.schema_version": str(VERSION)})
