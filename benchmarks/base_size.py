"""What a study costs the papers' own size: operations, time and memory of each part of training, and of a draft.

    python -m benchmarks.base_size [--size base] [--studies 4] [--tokens 60] [--device cpu]

Random weights and drawn studies of two films each, as many at once as `--studies`; in a process of its own a part, for the
largest resident size (on a GPU: the most that torch held there). Operations are those of products and convolutions
(`torch.utils.flop_counter`: a multiply and an add are two), backward ones as well. docs/training.md plans a night with them.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.arguments import at_least, make_parser, positive
from benchmarks.generation import describe
from benchmarks.timing import device_seconds
from cxrreport.datasets.encoded import Encoded, encode_samples
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.datasets.sample import Sample
from cxrreport.drafting.drafter import open_drafter
from cxrreport.model.config import SIZES
from cxrreport.model.encoder import ImageEncoder
from cxrreport.model.generation import Decoding
from cxrreport.model.views import ViewClassifier
from cxrreport.model.weights import Weights, resolve_device
from cxrreport.records import PreparedStudy
from cxrreport.training.encoder_stage import EncoderStage, list_films
from cxrreport.training.labelled import KindHeads
from cxrreport.training.network_stage import NetworkStage
from cxrreport.training.options import TrainOptions
from cxrreport.training.recipe import Recipe
from cxrreport.training.start import make_start
from cxrreport.training.towers_stage import TowersStage

RATE = 1e-4
Run = Callable[[], object]


def make_weights(size: str, samples: Sequence[Sample], device: str) -> Weights:
    """A network as a training of these samples starts from, random where a size has no packages to start from."""
    torch.manual_seed(0)
    start = make_start(TrainOptions("phantoms", Path(), Path(), Recipe(size=size)), samples, device)
    settle_norms(start.network.encoder, samples)
    return Weights(start.network, ViewClassifier().eval(), start.tokenizer, {}, "")


@torch.no_grad()
def settle_norms(encoder: ImageEncoder, samples: Sequence[Sample]) -> None:
    """Give the batch norms the statistics of these samples: with none, a deep random encoder leaves half precision."""
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    device = next(encoder.parameters()).device
    films, present = (np.stack([getattr(s, part) for s in samples]) for part in ("pixels", "present"))
    encoder.train()(torch.from_numpy(films).to(device), torch.from_numpy(present).to(device))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def encoder_step(weights: Weights, samples: Sequence[Sample], tokens: int) -> Run:
    """A step of the encoder on all films, forwards and backwards."""
    encoder, films = weights.network.encoder, list_films(samples, laterals=True)
    stage = EncoderStage(
        encoder, KindHeads(encoder.width).to(weights.network.label_prior.device), RATE, 2, torch.Generator()
    )
    return lambda: stage.epoch(films, len(films))


def towers_step(weights: Weights, samples: Sequence[Sample], tokens: int) -> Run:
    """A step of both towers and the head of evidence, on an encoder that stays."""
    stage = TowersStage(weights.network, weights.tokenizer, RATE, 2, torch.Generator())
    return lambda: stage.epoch(samples, len(samples))


def features(weights: Weights, samples: Sequence[Sample], tokens: int) -> Run:
    """Features of the frozen encoder, which the stage of the network computes once for each copy of a study."""
    return lambda: _encode(weights, samples)


def network_step(weights: Weights, samples: Sequence[Sample], tokens: int) -> Run:
    """A step of the network on features that are there already."""
    encoded = _encode(weights, samples)
    stage = NetworkStage(weights, RATE, 2, torch.Generator())
    return lambda: stage.epoch(samples, encoded, len(samples))


def draft(weights: Weights, samples: Sequence[Sample], tokens: int) -> Run:
    """Features, findings and a report of so many tokens, three beams."""
    weights.network.eval()
    drafter = open_drafter(weights, Decoding(3, tokens, tokens))
    studies = [PreparedStudy(sample.pixels[0], sample.pixels[1]) for sample in samples]
    reports = np.repeat(make_bank(weights)[None], len(studies), 0)
    mask = np.ones(reports.shape[:2], bool)
    return lambda: drafter.draft(drafter.encode(studies), reports, mask)


PARTS: dict[str, Callable[[Weights, Sequence[Sample], int], Run]] = {
    "encoder step": encoder_step,
    "towers step": towers_step,
    "features": features,
    "network step": network_step,
    "draft": draft,
}


def _encode(weights: Weights, samples: Sequence[Sample]) -> Encoded:
    """One copy of the samples, each with as many made-up reports as the network reads."""
    weights.network.eval()
    return encode_samples(open_drafter(weights), samples, make_bank(weights), None, 1, torch.Generator())


def make_bank(weights: Weights) -> npt.NDArray[np.float32]:
    """Vectors of as many reports as the network reads."""
    config = weights.network.config
    drawn = np.random.default_rng(0).standard_normal((config.retrieved, config.d_retrieval)).astype(np.float32)
    vectors: npt.NDArray[np.float32] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return vectors


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """GFLOP and seconds a study and the peak in MiB of one part, in this process; counting comes first and is not timed.

    On a CPU the seconds are those of all its cores together, whatever else the machine does.
    """
    samples = draw_phantoms(options.studies, 0)
    weights = make_weights(options.size, samples, options.device)
    run = PARTS[name](weights, samples, options.tokens)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    device = torch.device(options.device)
    return {
        "parameters": sum(p.numel() for p in weights.network.parameters()),
        "gflop": counter.get_total_flops() / 1e9 / options.studies,
        "seconds": device_seconds(run, device) / options.studies,
        "peak_mib": _peak(device),
    }


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="base")
    parser.add_argument("--studies", type=at_least(2), default=4, help="studies of a step, and drafts at once")
    parser.add_argument("--tokens", type=positive, default=60, help="of a draft")
    parser.add_argument("--device", type=resolve_device, default="cpu", help="auto, cpu, cuda or cuda:i")
    parser.add_argument("--part", choices=list(PARTS), help="measure this part alone, here, and print JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each part."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parse(given)
    if options.part:
        print(json.dumps(measure(options.part, options)))
        return
    command = [sys.executable, "-m", "benchmarks.base_size", *given]
    print(f"{options.size}, {options.studies} studies at once, {options.tokens} tokens, {describe(options.device)}")
    print(f"{'':<13}{'GFLOP/study':>13}{'s/study':>10}{'peak MiB':>10}")
    for name in PARTS:
        done = subprocess.run([*command, "--part", name], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"{name:<13}{found['gflop']:13.1f}{found['seconds']:10.2f}{found['peak_mib']:10.0f}", flush=True)
    print(f"{found['parameters'] / 1e6:.1f} million weights")


if __name__ == "__main__":
    main()
