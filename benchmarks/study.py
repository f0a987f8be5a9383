"""A whole study, from its two films to its text, in batches and beside the plain way; on a GPU where one is at hand.

    python -m benchmarks.study [--size mini] [--batches 1 8 32] [--tokens 60] [--device auto] [--peak TFLOPS]

Peer: the same weights one study at a time in eager PyTorch, the encoder as it was trained, the text by Hugging Face's
`generate` (three beams). Ours: batch norms folded, the decoder packed where the processor can read that, our own beams. Random
weights in single precision and drawn films; every text has exactly `--tokens` tokens. Reading films, retrieval, comparison with
a prior and places of findings are not in it.

ms a study are of the processor on a CPU, of the clock on a GPU. GFLOP are of products and convolutions of the whole study
(`torch.utils.flop_counter`); `of peak` is their share of what the device could do in dense single precision without tensor
cores: by NVIDIA's data sheets (`PEAKS`), or `--peak`. Convolutions may use tensor cores on a GPU (TF32), so it is no bound.
"""

import argparse
import copy
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import generation
from benchmarks.arguments import make_parser, positive
from benchmarks.base_size import make_bank, make_weights
from benchmarks.timing import device_seconds
from cxrreport.datasets.phantoms import draw_phantoms
from cxrreport.drafting.drafter import hasten, open_drafter
from cxrreport.model.config import PREFIX_LENGTH, SIZES
from cxrreport.model.drafter import Drafter, stack_images
from cxrreport.model.generation import Decoding
from cxrreport.model.weights import Weights, resolve_device
from cxrreport.records import PreparedStudy

PEAKS = {  # TFLOP/s without tensor cores, by what the name of the device holds
    "H200": 67.0, "H100 PCIe": 51.0, "H100": 67.0, "A100": 19.5, "L40S": 91.6, "L4": 30.3, "A40": 37.4, "A10": 31.2,
    "V100-PCIE": 14.0, "V100": 15.7, "T4": 8.1,
}  # fmt: skip
BEAMS, ROUNDS, DRAWN = 3, 3, 4
Run = Callable[[], object]


def plain(weights: Weights, studies: Sequence[PreparedStudy], decoding: Decoding) -> Run:
    """Study by study, with nothing done for speed."""
    network, device = weights.network, weights.network.label_prior.device
    bank = torch.from_numpy(make_bank(weights))[None].to(device)
    there = torch.ones(bank.shape[:2], dtype=torch.bool, device=device)
    prefix = torch.full((1, PREFIX_LENGTH), weights.tokenizer.begin, device=device)

    @torch.inference_mode()
    def run() -> None:
        for study in studies:
            features = network.encoder(*(part.to(device) for part in stack_images([study])))
            relations = network.relate(features, bank, there)
            network.classify(features, relations)
            generation.peer(generation.Work(network.decoder, *network.remember(features, relations), prefix, decoding))

    return run


def ours(drafter: Drafter, studies: Sequence[PreparedStudy]) -> Run:
    """All at once, as a run drafts."""
    reports = np.repeat(make_bank(drafter.weights)[None], len(studies), 0)
    mask = np.ones(reports.shape[:2], bool)
    return lambda: drafter.draft(drafter.encode(studies), reports, mask)


def count_operations(run: Run) -> float:
    """Floating-point operations; those of packed layers are not counted."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


def find_peak(name: str) -> float | None:
    """TFLOP/s of a device; None where nobody has entered it."""
    return next((peak for known, peak in PEAKS.items() if known in name), None)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="mini")
    parser.add_argument("--batches", type=positive, nargs="+", default=[1, 8, 32], help="studies drafted at once")
    parser.add_argument("--tokens", type=positive, default=60)
    parser.add_argument("--device", type=resolve_device, default="auto", help="auto, cpu, cuda or cuda:i")
    parser.add_argument("--peak", type=float, help="TFLOP/s in single precision of a device that is not known")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for the plain way and one for each batch, each with its ratio to the plain way in the same round."""
    options = parse(arguments)
    device, name = torch.device(options.device), generation.describe(options.device)
    if device.type == "cpu":
        print("No GPU is at hand, or none is asked for: this is the processor.")
    peak = options.peak or find_peak(name)
    decoding = Decoding(BEAMS, options.tokens, options.tokens)
    samples = draw_phantoms(DRAWN, 0)
    weights = make_weights(options.size, samples, options.device)
    weights.network.eval()
    films = [PreparedStudy(sample.pixels[0], sample.pixels[1]) for sample in samples]
    usual, fast = open_drafter(weights, decoding), open_drafter(copy.deepcopy(weights), decoding)
    hasten(fast)
    batches = {"plain": films[:1]}
    batches |= {f"batch {size}": [films[i % DRAWN] for i in range(size)] for size in options.batches}
    runs = {row: ours(fast, batch) for row, batch in batches.items()}
    runs["plain"] = plain(weights, films[:1], decoding)
    operations = {"plain": count_operations(runs["plain"]), "ours": count_operations(ours(usual, films[:1]))}
    for run in runs.values():
        run()  # loads libraries and kernels: not timed
    rounds = [
        {row: device_seconds(run, device) / len(batches[row]) for row, run in runs.items()} for _ in range(ROUNDS)
    ]
    print(f"{options.size}, beams {BEAMS}, {options.tokens} tokens, {name}")
    print(f"{'':<11}{'studies/s':>11}{'ms/study':>10}{'GFLOP/study':>13}{'of peak':>9}{'ratio':>7}")
    for row in runs:
        print(_line(row, rounds, operations["plain" if row == "plain" else "ours"] / 1e9, peak))


def _line(row: str, rounds: Sequence[dict[str, float]], gflop: float, peak: float | None) -> str:
    seconds = median(found[row] for found in rounds)
    ratio = median(found["plain"] / found[row] for found in rounds)
    share: Any = f"{gflop / 1e3 / seconds / peak:.1%}" if peak else "-"
    return f"{row:<11}{1 / seconds:11.2f}{1e3 * seconds:10.1f}{gflop:13.3f}{share:>9}{ratio:7.2f}"


if __name__ == "__main__":
    main()
