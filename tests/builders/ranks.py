"""Several processes that train together on this machine, as torchrun starts them, over the loopback alone."""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable

import torch

from builders.ports import free_port


def start_ranks(count: int, work: Callable[[], object]) -> list[multiprocessing.process.BaseProcess]:
    """Run `work` in so many forked processes, each with what torchrun says to it."""
    port, fork = str(free_port()), multiprocessing.get_context("fork")
    started = [fork.Process(target=_run, args=(rank, count, port, work)) for rank in range(count)]
    for process in started:
        process.start()
    return started


def run_ranks(count: int, work: Callable[[], object]) -> list[int | None]:
    """As `start_ranks`, until all have ended; their exit codes."""
    started = start_ranks(count, work)
    for process in started:
        process.join(120)
    return [process.exitcode for process in started]


def _run(rank: int, count: int, port: str, work: Callable[[], object]) -> None:
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, GLOO_SOCKET_IFNAME="lo")
    torch.set_num_threads(1)
    try:
        work()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # pytest must not go on in here
