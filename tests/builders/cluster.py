"""A Ray cluster of this machine: raylets with loopback addresses of their own, which count as machines."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from builders.data import ROOT
from builders.ports import free_port

TOKEN = "0123456789abcdef" * 4
_STARTED = "Ray runtime started"
_STORE = str(80 << 20)  # bytes of shared memory of each; no less is taken


class Cluster:
    """A head without processors, and machines of one processor each."""

    def __init__(self, folder: Path, machines: int) -> None:
        self._folder = folder
        self.head = f"127.0.0.9:{free_port('127.0.0.9')}"
        address, port = self.head.split(":")
        head = [
            "--head",
            f"--port={port}",
            f"--node-ip-address={address}",
            f"--temp-dir={folder / 'ray'}",
            "--num-cpus=0",
        ]
        self._processes = [self._start("head", *head, "--include-dashboard=false")]
        try:
            self._wait(*self._processes)
            self._processes += [self._join(number) for number in range(machines)]
            self._wait(*self._processes[1:])
        except BaseException:
            self.end()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """What a driver needs."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "CXRREPORT_RAY_ADDRESS": self.head}

    def lose(self, number: int) -> None:
        """Let a machine vanish in the midst of what it does."""
        os.killpg(self._processes[number + 1].pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill all that runs."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _join(self, number: int) -> subprocess.Popen[bytes]:
        own = (f"--node-ip-address=127.0.0.{10 + number}", f"--temp-dir={self._folder / str(number)}")
        return self._start(f"machine-{number}", f"--address={self.head}", *own, "--num-cpus=1")

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        ports = ("--min-worker-port=0", "--max-worker-port=0")
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats", *ports]
        command += [f"--object-store-memory={_STORE}", *arguments]
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "CXRREPORT_"))},
            **{"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_worker_niceness": "0"},
            **{"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.0/8", "PYTHONPATH": str(ROOT / "tests")},
        }
        with (self._folder / name).open("wb") as out:
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        process.args = name
        return process

    def _wait(self, *processes: subprocess.Popen[bytes]) -> None:
        from builders.process import wait_until

        for process in processes:
            said = self._folder / str(process.args)
            wait_until(lambda said=said: _STARTED in said.read_text(), 120)


@contextmanager
def running(machines: int) -> Iterator[Cluster]:
    """A cluster for a while; skips where Ray is not installed."""
    if find_spec("ray") is None:  # importing it would fix what the environment tells it
        pytest.skip("needs Ray: pip install 'cxrreport[ray]'")
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # names of sockets must be short
    try:
        cluster = Cluster(folder, machines)
        try:
            yield cluster
        finally:
            cluster.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
