import json
import os
import stat
import subprocess
import sys

import pytest

from cxrreport.errors import LockedError, StorageError
from cxrreport.files import atomic, lock, write_json


def _die(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("call", ["fsync", "replace", None])
def test_what_is_not_written_whole_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "facts.json"
    write_json(path, {"epoch": 1}, indent=1)
    if call:
        monkeypatch.setattr(os, call, _die)
    with pytest.raises(KeyboardInterrupt if call else TypeError):
        write_json(path, {"epoch": 2 if call else object()})
    assert json.loads(path.read_text()) == {"epoch": 1} and path.read_text().endswith("}\n")
    assert [one.name for one in tmp_path.iterdir()] == ["facts.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0, 0o666), (0o077, 0o600)])
def test_a_file_has_its_mode_whatever_was_left_over(tmp_path, umask, mode):
    (tmp_path / "a.tmp").write_text("half of what a killed process wrote")
    (tmp_path / "a.tmp").chmod(0o644)
    before = os.umask(umask)
    try:
        with atomic(tmp_path / "a") as private:
            private.write_text("1")
        write_json(tmp_path / "b", 1)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"a": 0o600, "b": mode} and (tmp_path / "a").read_text() == "1"


HOLD = """
import sys, time; from pathlib import Path; from cxrreport.files import lock
with lock(Path(sys.argv[1]), "home"): print("held", flush=True); time.sleep(60)
"""


def test_a_lock_names_its_holder_and_dies_with_it(tmp_path):
    place = tmp_path / "home" / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, place], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        for _ in range(2):  # asking does not wipe the signature
            with pytest.raises(LockedError, match=f"process {holder.pid}, since 20"), lock(place, "home"):
                pass
    finally:
        holder.kill()
        holder.communicate()
    with lock(place, "home"):
        assert json.loads(place.read_text())["pid"] == os.getpid()
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700 and stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_place_that_takes_no_lock_is_told_with_its_path(tmp_path):
    (tmp_path / "lock").mkdir()
    with (
        pytest.raises(StorageError, match=rf"^The home cannot be written: Is a directory \({tmp_path}/lock\)\.$"),
        lock(tmp_path / "lock", "home"),
    ):
        pass
