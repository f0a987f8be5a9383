"""Hold the schema of the database to the code's. What exists is migrated on request only, never silently."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect, text

from cxrreport.errors import SchemaError
from cxrreport.store.faults import translated
from cxrreport.store.schema import REVISION

if TYPE_CHECKING:  # a nightly run needs no Alembic; it is slow to import
    from alembic.config import Config

MIGRATION_LOCK = 0x6378725F73636865  # "cxr_sche": two processes may find the same empty database


def current(engine: Engine) -> str | None:
    """Return the revision of the database, or None where it never had one."""
    with translated(engine), engine.connect().execution_options(cxrreport_read_only=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)


def check_schema(engine: Engine) -> None:
    """Raise SchemaError naming both revisions unless the database has the code's revision."""
    found = current(engine)
    if found == REVISION:
        return
    has = f"has schema revision {found}" if found else "has no schema revision"
    raise SchemaError(f"The database {has}, this version of cxrreport needs {REVISION}: run `cxrreport db upgrade`.")


def prepare(engine: Engine) -> None:
    """Make the schema in a brand-new database; only check it in any other.

    A database without a single table is brand-new: nothing can be lost there. One with tables but another revision,
    or with another program's tables, is refused (SchemaError) until somebody runs `cxrreport db upgrade`.
    """
    with translated(engine), engine.connect().execution_options(cxrreport_read_only=True) as connection:
        empty = not inspect(connection).get_table_names()
    if empty:
        upgrade(engine)
    check_schema(engine)


def upgrade(engine: Engine) -> None:
    """Migrate to the code's revision: in one transaction, all or nothing.

    Raises
    ------
    SchemaError : the database has a revision unknown here, so a newer cxrreport made it.
    """
    from alembic import command
    from alembic.util import CommandError

    config = configuration()
    with translated(engine), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError:
            raise SchemaError(
                f"The database has a schema revision that is newer than {REVISION}, the newest that this version of "
                "cxrreport knows: install the newer cxrreport."
            ) from None


def configuration() -> Config:
    """Return Alembic's configuration; there is no alembic.ini."""
    from alembic.config import Config

    folder = files("cxrreport.migrations")
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
