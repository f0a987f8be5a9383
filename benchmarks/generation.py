"""Our batched beam search beside Hugging Face's `generate`: same weights, same machine, same work.

    python -m benchmarks.generation [--tokens 60] [--batch 8] [--config mini] [--device auto]

Peer: `BertLMHeadModel.generate`, beam 3, one report at a time, with its own cache. Random weights in single precision; every
report has exactly `--tokens` tokens, so that both do the same number of steps. Beside reports/s stand the floating-point
operations of matrix products and attention for one report (`torch.utils.flop_counter`: a multiply and an add are two).
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import DynamicCache, EncoderDecoderCache

from benchmarks.arguments import make_parser, positive
from cxrreport.errors import CxrReportError
from cxrreport.model.config import PATCHES, PREFIX_LENGTH, SIZES, VIEWS
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.generation import Decoding, generate
from cxrreport.model.weights import resolve_device

VOCABULARY, END = 2500, 3
ROUNDS = 3


@dataclass(frozen=True)
class Work:
    """A decoder and what it is to draft from: memory (B, M, d_dec), mask (B, M) bool, prefix (B, L) ids."""

    decoder: ReportDecoder
    memory: Tensor
    mask: Tensor
    prefix: Tensor
    decoding: Decoding


def make_work(size: str, batch: int, decoding: Decoding, device: str) -> Work:
    """Random numbers, the same on every device; the memory is as long as that of two images and all retrieved reports."""
    torch.manual_seed(0)
    config = SIZES[size](VOCABULARY)
    length = VIEWS * PATCHES + 2 * config.retrieved
    decoder = ReportDecoder(config).eval()
    memory = torch.randn(batch, length, config.decoder_width)
    prefix = torch.randint(10, VOCABULARY, (batch, PREFIX_LENGTH))
    mask = torch.ones(batch, length, dtype=torch.bool)
    return Work(decoder.to(device), memory.to(device), mask.to(device), prefix.to(device), decoding)


def ours(work: Work) -> None:
    """All reports at once."""
    generate(work.decoder, work.memory, work.mask, work.prefix, END, [], work.decoding)


@torch.inference_mode()
def peer(work: Work) -> None:
    """Report by report through Hugging Face."""
    lm: Any = work.decoder.lm
    for row in range(len(work.prefix)):
        ids = work.prefix[row : row + 1]
        lm.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            encoder_hidden_states=work.memory[row : row + 1],
            encoder_attention_mask=work.mask[row : row + 1].long(),
            past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
            num_beams=work.decoding.beams,
            max_new_tokens=work.decoding.max_new_tokens,
            min_new_tokens=work.decoding.min_new_tokens,
            do_sample=False,
            eos_token_id=END,
            pad_token_id=0,
        )


RUNS: dict[str, Callable[[Work], None]] = {"ours": ours, "Hugging Face": peer}


def count_operations(run: Callable[[Work], None], work: Work) -> float:
    """Floating-point operations per report; as plain products, because the fused attention of the CPU is not counted."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run(work)
    return float(counter.get_total_flops()) / len(work.prefix)


def measure(run: Callable[[Work], None], work: Work) -> float:
    """Reports/s of one run; a GPU has finished before the clock starts and before it stops."""
    synchronize(work.memory.device)
    started = time.perf_counter()
    run(work)
    synchronize(work.memory.device)
    return len(work.prefix) / (time.perf_counter() - started)


def synchronize(device: torch.device) -> None:
    """Wait until a GPU has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe(device: str) -> str:
    """The processor in words."""
    return f"CPU, {torch.get_num_threads()} thread(s)" if device == "cpu" else torch.cuda.get_device_name(device)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--tokens", type=positive, default=60)
    parser.add_argument("--batch", type=positive, default=8)
    parser.add_argument("--beams", type=positive, default=3)
    parser.add_argument("--config", choices=list(SIZES), default="mini", help="size of the decoder")
    parser.add_argument("--device", default="auto", help="auto (a GPU where one is at hand), cpu, cuda or cuda:i")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print reports/s, the median of three rounds, and operations of both, and their ratios."""
    options = parse(arguments)
    most = SIZES[options.config](VOCABULARY).decoder["max_position_embeddings"] - PREFIX_LENGTH
    if options.tokens > most:
        sys.exit(f"A decoder of size {options.config} writes at most {most} tokens.")
    try:
        device = resolve_device(options.device)
    except CxrReportError as error:
        sys.exit(str(error))
    decoding = Decoding(options.beams, options.tokens, options.tokens)
    work = make_work(options.config, options.batch, decoding, device)
    # counting is also the first run, in which libraries and kernels are loaded: it is not timed
    operations = {name: count_operations(run, work) for name, run in RUNS.items()}
    rounds = [{name: measure(run, work) for name, run in RUNS.items()} for _ in range(ROUNDS)]
    rates = {name: median(found[name] for found in rounds) for name in RUNS}
    facts = f"batch {options.batch}, beams {options.beams}, {options.tokens} tokens"
    print(f"{options.config}, {facts}, {describe(device)}")
    print(f"{'':<13}{'reports/s':>11}{'GFLOP/report':>14}")
    for name in RUNS:
        print(f"{name:<13}{rates[name]:11.2f}{operations[name] / 1e9:14.3f}")
    first, second = RUNS
    print(f"{'ratio':<13}{rates[first] / rates[second]:11.2f}{operations[first] / operations[second]:14.3f}")


if __name__ == "__main__":
    main()
