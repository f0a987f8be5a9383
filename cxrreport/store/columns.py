"""Column types and the base that all tables share: what a hostile tag or another time zone must not break."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    String,
)
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, mapped_column
from sqlalchemy.types import TypeDecorator

MAX_IDENTIFIER_BYTES = 512  # DICOM's have at most 64 characters (PS3.5 6.2)


def below(path: InstrumentedAttribute[Any], folder: str) -> ColumnElement[bool]:
    """Match paths below an absolute folder."""
    return path.startswith(folder.rstrip("/") + "/", autoescape=True)


def clean(text: str) -> str:
    """Return the text as `CleanText` stores it."""
    if text.isprintable():  # neither sign is: most texts
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class CleanText(TypeDecorator[str]):
    """Text without NUL (PostgreSQL refuses it) and without lone surrogates (no driver can encode them)."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean a value on its way in, so that a query finds what was stored."""
        return None if value is None else clean(str(value))


class UtcDateTime(TypeDecorator[datetime]):
    """Our own timestamps: aware and UTC in Python; SQLite keeps them without the offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive value: it would mean another moment on every server."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A timestamp of ours needs a time zone.")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC whatever the session's time zone is."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class HospitalDateTime(TypeDecorator[datetime]):
    """The hospital's own clock as written: naive. An offset is dropped, never converted."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Keep the wall clock."""
        return None if value is None else value.replace(tzinfo=None)


def choice(kind: type[StrEnum], name: str) -> Enum:
    """Return a text column type with a CHECK constraint over the values of `kind`."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


def words(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return the check that a column holds one of a closed list of words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


def code(column: str) -> CheckConstraint:
    """Return the check that a column of an open list of codes holds one word in small letters."""
    return CheckConstraint(
        f"{column} = lower({column}) AND {column} NOT LIKE '% %' AND length({column}) < 64", name=column
    )


def share(column: str) -> CheckConstraint:
    """Return the check that a column holds a number from 0 to 1."""
    return CheckConstraint(f"{column} BETWEEN 0 AND 1", name=column)


def short(identifier: str) -> str:
    """Return "" in place of an identifier that no system can have given; it would not fit an index either."""
    return identifier if len(identifier.encode("utf-8", "replace")) <= MAX_IDENTIFIER_BYTES else ""


ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only in INTEGER columns

Key = Annotated[int, mapped_column(ID, primary_key=True)]
Tag = Annotated[str, mapped_column(CleanText, default="")]  # of a header; blank where it does not tell
Big = Annotated[int, mapped_column(BigInteger)]
Utc = Annotated[datetime, mapped_column(UtcDateTime)]
Clock = Annotated[datetime, mapped_column(HospitalDateTime)]
Json = dict[str, Any]


class Base(DeclarativeBase):
    """Common naming of constraints and the mapping of plain Python types."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: CleanText, date: Date, Json: JSON, list[str]: JSON}


def link(target: str, index: bool = True) -> Any:
    """Return a foreign key column to `target`.id."""
    return mapped_column(ID, ForeignKey(f"{target}.id"), index=index)
