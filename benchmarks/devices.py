"""Steps of training on several processes beside one, each with the same batch in all.

    python -m benchmarks.devices [--size mini] [--studies 16] [--processes 2] [--rounds 3] [--device cpu]

Random weights and drawn studies of two films each. In each round one process and then several, which torchrun starts, take a
step of each stage after one that is not counted. Studies/s are by the clock, and CPU s are those of all processes together; the
ratios are medians of the rounds. On a CPU every process has one thread: what several gain hangs on how many cores are idle.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch
from torch import distributed as dist

from benchmarks.arguments import at_least, make_parser, positive
from benchmarks.base_size import PARTS, make_weights
from benchmarks.generation import describe, synchronize
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.model.config import SIZES
from cxrreport.model.threads import limit_threads
from cxrreport.model.together import world
from cxrreport.training.ranks import joined, leads, wait

STAGES = ("encoder step", "towers step", "features", "network step")
Found = dict[str, dict[str, float]]


def measure(options: argparse.Namespace) -> Found:
    """Seconds and CPU seconds a study of each stage, of all processes of this training, of which this is one."""
    with joined(options.device, options.studies) as device:
        samples = draw_phantoms(options.studies, 0)
        weights = make_weights(options.size, samples, device)
        return {name: _step(name, weights, samples, torch.device(device)) for name in STAGES}


def _step(name: str, weights: Any, samples: Sequence[Any], device: torch.device) -> dict[str, float]:
    run = PARTS[name](weights, samples, 0)
    run()
    synchronize(device)
    wait()
    started, busy = time.perf_counter(), time.process_time()
    run()
    synchronize(device)
    used = torch.tensor(time.process_time() - busy)
    if world() > 1:
        dist.all_reduce(used)
    return {"seconds": (time.perf_counter() - started) / len(samples), "cpu": float(used) / len(samples)}


def launch(processes: int, arguments: Sequence[str]) -> Found:
    """What so many processes find."""
    command = [sys.executable, "-m", "benchmarks.devices", *arguments, "--here"]
    if processes > 1:
        run = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes))
        command[1:2] = [*run, "-m"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(rounds: Sequence[tuple[Found, Found]], name: str) -> tuple[float, float, float, float]:
    """Studies/s of one process and of several, and what several have of one: speed, and CPU time a study."""
    one, several = ([pair[i][name] for pair in rounds] for i in (0, 1))
    speed = median(a["seconds"] / b["seconds"] for a, b in zip(one, several, strict=True))
    cpu = median(b["cpu"] / a["cpu"] for a, b in zip(one, several, strict=True))
    return *(1 / median(x["seconds"] for x in found) for found in (one, several)), speed, cpu


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="mini")
    parser.add_argument("--studies", type=at_least(2), default=16, help="of a step, in all processes together")
    parser.add_argument("--processes", type=at_least(2), default=2)
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda: a GPU each")
    parser.add_argument("--here", action="store_true", help="measure as one of the processes, and print JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each stage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parse(given)
    if options.here:
        limit_threads()
        found = measure(options)
        if leads():
            print(json.dumps(found))
        return
    rounds = [(launch(1, given), launch(options.processes, given)) for _ in range(options.rounds)]
    print(f"{options.size}, {options.studies} studies a step, {describe(options.device)}")
    print(f"{'':<13}{'1: studies/s':>14}{f'{options.processes}: studies/s':>14}{'speed':>8}{'CPU':>7}")
    for name in STAGES:
        one, several, speed, cpu = compare(rounds, name)
        print(f"{name:<13}{one:14.2f}{several:14.2f}{speed:8.2f}{cpu:7.2f}")


if __name__ == "__main__":
    main()
