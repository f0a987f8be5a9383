"""Drafts as tables for other programs: JSON lines, CSV and Parquet, all of them from the columns of `columns.py`."""

from __future__ import annotations

from importlib import import_module

from cxrreport.export.folder import Folder
from cxrreport.export.formats import Writer

_MODULES = {"jsonl": "json_lines", "csv": "comma_separated", "parquet": "parquet"}


def open_writer(folder: Folder, name: str) -> Writer:
    """Return the writer of a table."""
    writer: Writer = import_module(f"{__name__}.{_MODULES[name]}").Tables(folder)
    return writer
