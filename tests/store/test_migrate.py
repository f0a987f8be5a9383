"""The migration and the models tell the same; nobody is migrated silently."""

from __future__ import annotations

import re
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from cxrreport.errors import CxrReportError, SchemaError
from cxrreport.store import engine as store
from cxrreport.store import migrate
from cxrreport.store.schema import REVISION, Base


def set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})


def test_head_is_the_newest_script() -> None:
    assert ScriptDirectory.from_config(migrate.configuration()).get_current_head() == REVISION


def test_a_new_database_is_prepared_from_nothing(empty: Engine) -> None:
    assert store.current(empty) is None
    store.prepare(empty)
    assert store.current(empty) == REVISION
    assert {table.name for table in Base.metadata.sorted_tables} <= set(inspect(empty).get_table_names())


def test_preparing_twice_and_upgrading_again_changes_nothing(engine: Engine) -> None:
    store.prepare(engine)
    store.upgrade(engine)
    store.check_schema(engine)


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # the next test compares it
def test_models_and_migration_do_not_differ(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_checks_of_models_and_migration_do_not_differ(engine: Engine, backend: str) -> None:
    """Alembic compares no checks: hold the tables beside those that the models make."""
    migrated = constraints(engine)
    with engine.begin() as connection:
        if backend == "postgresql":
            connection.execute(text("CREATE SCHEMA beside"))
            connection.execute(text("SET search_path TO beside"))
        else:
            connection.execute(text("ATTACH ':memory:' AS beside"))
        Base.metadata.create_all(connection.execution_options(schema_translate_map={None: "beside"}), checkfirst=False)
        made = constraints(connection, "beside")
    assert len(made) == 21 and sum(map(len, made.values())) > 20
    assert migrated == made


def constraints(bind: Any, schema: str | None = None) -> dict[str, dict[str, str]]:
    found = inspect(bind)
    return {
        table.name: {
            str(one["name"]): re.sub(r"::\w+( varying)?(\[\])?|[()\"]", "", one["sqltext"])
            for one in found.get_check_constraints(table.name, schema)
        }
        for table in Base.metadata.sorted_tables
    }


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_another_revision_is_refused_naming_both(engine: Engine, revision: str) -> None:
    set_revision(engine, revision)
    for refuse in (store.check_schema, store.prepare):
        with pytest.raises(SchemaError) as caught:
            refuse(engine)
        assert revision in caught.value.message
        assert REVISION in caught.value.message
        assert caught.value.exit_code == 78
    assert store.current(engine) == revision


def test_tables_of_another_program_are_not_touched_without_being_asked(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    with pytest.raises(SchemaError, match="no schema revision"):
        store.prepare(empty)
    assert inspect(empty).get_table_names() == ["theirs"]
    store.upgrade(empty)
    store.prepare(empty)


def test_a_failed_migration_leaves_nothing(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE span (id INTEGER)"))  # the migration's last table: all others come first
    with pytest.raises(CxrReportError):
        store.upgrade(empty)
    assert inspect(empty).get_table_names() == ["span"]


def test_there_is_no_way_back(engine: Engine) -> None:
    config = migrate.configuration()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(NotImplementedError):
            command.downgrade(config, "base")
    store.check_schema(engine)


REGION = (
    "INSERT INTO region (draft_id, kind, finding, x, y, w, h, score) VALUES (1, '{kind}', '{finding}', 0, 0, 1, 1, 0)"
)
SPAN = (
    "INSERT INTO span (draft_id, section, start_char, end_char, kind, confidence)"
    " VALUES (1, '{section}', 0, 1, '{kind}', {confidence})"
)
FINDING = (
    "INSERT INTO finding (draft_id, finding, state, probability, raw_score, change, withheld)"
    " VALUES (1, '{finding}', '{state}', 0, 0, '{change}', '{withheld}')"
)
FAILURE = "INSERT INTO failure (run_id, path, code, message, attempts, quarantined) VALUES (1, {path}, '{code}', 'x', 1, false)"
DRAFT = (
    "INSERT INTO draft (study_id, prior_reason, run_id, status, findings, impression, comparison, weights_sha256,"
    " preprocess_version, index_version, decoding, flags, inputs_sha256, created_at, priority, shadow, abstained)"
    " VALUES (1, '{reason}', 1, '{status}', '', '', '', '', 1, '', '{{}}', '{flags}', '', '2024-01-01', '{priority}', false,"
    " '{abstained}')"
)


@pytest.mark.parametrize(
    "statement",
    [
        REGION.format(kind="guess", finding="edema"),
        REGION.format(kind="change", finding="cough"),
        SPAN.format(section="findings", kind="guess", confidence=1),
        SPAN.format(section="history", kind="flag", confidence=1),
        SPAN.format(section="findings", kind="flag", confidence=1.5),
        FINDING.format(finding="edema", state="maybe", change="new", withheld=""),
        FINDING.format(finding="edema", state="blank", change="worse", withheld=""),
        FINDING.format(finding="cough", state="blank", change="new", withheld=""),
        FINDING.format(finding="edema", state="blank", change="new", withheld="all"),
        FAILURE.format(path="NULL", code="x"),
        FAILURE.format(path="'/a'", code="not a code"),
        FAILURE.format(path="'/a'", code="Code"),
        DRAFT.format(status="final", reason="", flags="[]", priority="routine", abstained=""),
        DRAFT.format(status="reviewed", reason="none", flags="[]", priority="routine", abstained=""),
        DRAFT.format(status="reviewed", reason="", flags="{}", priority="routine", abstained=""),
        DRAFT.format(status="reviewed", reason="", flags="[]", priority="high", abstained=""),
        DRAFT.format(status="reviewed", reason="", flags="[]", priority="routine", abstained="odd"),
        "INSERT INTO file (path, size, mtime_ns, outcome, previewed) VALUES ('/a', 1, 1, 'Not DICOM', false)",
        "INSERT INTO file (path, size, mtime_ns, outcome, previewed, image_id) VALUES ('/a', 1, 1, 'image', false, 77)",
    ],
)
def test_the_database_itself_refuses_unknown_words_and_rows(engine: Engine, statement: str) -> None:
    with (
        pytest.raises(CxrReportError, match=r"CHECK|CheckViolation|FOREIGNKEY|ForeignKey"),
        store.session(engine) as session,
    ):
        session.execute(text(statement))


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"])
def test_the_audit_is_append_only(engine: Engine, statement: str) -> None:
    with store.session(engine) as session:
        session.execute(
            text("INSERT INTO audit (at, actor, action, subject, detail) VALUES ('2024-01-01', 'a', 'b', 'c', '{}')")
        )
    with pytest.raises(CxrReportError), store.session(engine) as session:
        session.execute(text(statement))
    with store.session(engine) as session:
        assert session.scalar(text("SELECT count(*) FROM audit WHERE actor = 'a'")) == 1
