import logging
import os
import subprocess
import sys

import pytest
import structlog

from cxrreport.log import configure, get_log, stack_of

NAME, NUMBER = "DOE^JANE", "MRN-4711"


@pytest.fixture(autouse=True)
def _restore_logging():
    root, own = logging.getLogger(), logging.getLogger("cxrreport")
    handlers, level, own_level = root.handlers[:], root.level, own.level
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(own_level)
    structlog.reset_defaults()


@pytest.fixture()
def told(capsys):
    """What has been written to stderr; never a name or a number of a patient."""
    configure("debug")

    def read():
        text = capsys.readouterr().err
        assert NAME not in text and NUMBER not in text
        return text

    return read


def test_own_events_are_one_line_with_counts_and_codes(told):
    get_log().info("scan.done", files=12, code="pixels.truncated")
    line = told()
    assert line.count("\n") == 1
    assert "event='scan.done'" in line and "files=12" in line and "code='pixels.truncated'" in line
    assert "level='info'" in line and "timestamp=" in line


def test_unknown_keys_of_our_own_are_withheld(told):
    get_log().bind(mrn=NUMBER).warning("study.failed", patient=NAME, path=f"/x/{NAME}", studies=1)
    assert "studies=1" in told()


def test_positional_arguments_and_exceptions_of_our_own_are_withheld(told):
    get_log().error("study.failed %s", NAME)
    try:
        raise ValueError(NAME)
    except ValueError:
        get_log().exception("study.failed", code="internal")
        get_log().error("study.failed", exc_info=True, stack_info=True)
    line = told()
    assert line.count("study.failed") == 3 and "ValueError" not in line


def _poison(logger):
    logger.warning("Patient %s", NAME)
    logger.warning(f"Invalid value for VR PN: {NAME}")
    logger.error({"name": NAME})
    logger.warning("extra", extra={"patient": NAME})
    logger.warning("stack", stack_info=True, extra={"mrn": NUMBER})
    try:
        raise KeyError(NAME)
    except KeyError:
        logger.exception("failed")


@pytest.mark.parametrize("name", ["pydicom", "sqlalchemy.engine", "cxrreport.imaging", ""])
def test_what_a_library_logs_is_replaced_by_its_place(told, name, monkeypatch):
    monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)  # reading headers silences pydicom altogether
    monkeypatch.setattr(logging.getLogger(name), "_cache", {})
    _poison(logging.getLogger(name))
    lines = told().splitlines()
    assert len(lines) == 6
    assert all("event='library.message'" in line and "where='test_log:" in line for line in lines)


def test_libraries_are_heard_from_warnings_on(told):
    logging.getLogger("pydicom").info("Reading %s", NAME)
    logging.getLogger("pydicom").debug("Reading %s", NAME)
    assert told() == ""


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_level(capsys, level, heard):
    configure("debug")
    configure(level)  # twice: everything is still said once
    for say in ("debug", "info", "warning", "error"):
        getattr(get_log(), say)("an.event")
    assert capsys.readouterr().err.count("an.event") == heard


def test_a_whole_process_keeps_a_name_to_itself():
    """In a process of its own: warnings, libraries, our own events, and a record that logging cannot format, of which
    it would print message and arguments."""
    program = f"""
import logging, warnings
from cxrreport.log import configure, get_log
configure("debug")
warnings.warn("{NAME}")
logging.warning("{NAME}")
logging.getLogger("a.b").error("%s", "{NAME}", exc_info=ValueError("{NAME}"))
logging.getLogger("a.b").error("%d", "{NAME}")
get_log().info("run.done", count=3, patient="{NAME}")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "" and NAME not in done.stderr
    assert done.stderr.count("library.message") == 4 and "count=3" in done.stderr


def _raise():
    raise ValueError(f"no such patient {NAME}")


def test_stack_tells_type_and_places_but_no_message():
    with pytest.raises(ValueError, match="patient") as caught:
        _raise()
    text = stack_of(caught.value)
    assert NAME not in text and "patient" not in text
    assert text.startswith("ValueError at ") and "test_log.py:" in text and text.endswith(":_raise")
    assert os.sep not in text


def test_stack_of_a_deep_recursion_is_short():
    def dive(n):
        return dive(n - 1) if n else _raise()

    with pytest.raises(ValueError, match="patient") as caught:
        dive(50)
    assert stack_of(caught.value).count(" > ") == 11
