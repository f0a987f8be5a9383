"""How many threads a network computes with."""

from __future__ import annotations

import os

import torch


def limit_threads() -> None:
    """Compute with one thread in this process, unless OMP_NUM_THREADS says otherwise.

    Work spreads by process. Beside other load two threads wait for each other most of the time: 120 real-size studies took
    391 processor seconds so, and 94 with one.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
