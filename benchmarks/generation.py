"""Our batched beam search beside Hugging Face's `generate`: same weights, same machine, same work.

    python -m benchmarks.generation [--tokens 60] [--batch 8]

Peer: `BertLMHeadModel.generate`, beam 3, one report at a time, with its own cache. Random weights of size `mini`; every
report has exactly `--tokens` tokens, so that both do the same number of steps.
"""

import argparse
import time

import torch
from transformers import DynamicCache, EncoderDecoderCache

from cxrreport.model.config import PREFIX_LENGTH, mini
from cxrreport.model.decoder import ReportDecoder
from cxrreport.model.generation import Decoding, generate

VOCABULARY, END, MEMORY = 2500, 3, 98 + 42


def main() -> None:
    """Print reports/s of both and their ratio, the median of three rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--beams", type=int, default=3)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = mini(VOCABULARY)
    decoder = ReportDecoder(config).eval()
    memory = torch.randn(options.batch, MEMORY, config.decoder_width)
    mask = torch.ones(options.batch, MEMORY, dtype=torch.bool)
    prefix = torch.randint(10, VOCABULARY, (options.batch, PREFIX_LENGTH))
    decoding = Decoding(options.beams, options.tokens, options.tokens)

    def ours() -> None:
        generate(decoder, memory, mask, prefix, END, [], decoding)

    @torch.inference_mode()
    def peer() -> None:
        for row in range(options.batch):
            decoder.lm.generate(
                input_ids=prefix[row : row + 1],
                attention_mask=torch.ones_like(prefix[row : row + 1]),
                encoder_hidden_states=memory[row : row + 1],
                encoder_attention_mask=mask[row : row + 1].long(),
                past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
                num_beams=options.beams,
                max_new_tokens=options.tokens,
                min_new_tokens=options.tokens,
                do_sample=False,
                eos_token_id=END,
                pad_token_id=0,
            )

    rates = {"ours": [], "Hugging Face": []}
    for _ in range(3):
        for name, run in (("ours", ours), ("Hugging Face", peer)):
            started = time.perf_counter()
            run()
            rates[name].append(options.batch / (time.perf_counter() - started))
    middle = {name: sorted(values)[1] for name, values in rates.items()}
    for name, rate in middle.items():
        print(f"{name:<13} {rate:6.2f} reports/s")
    print(f"ratio         {middle['ours'] / middle['Hugging Face']:6.2f}")


if __name__ == "__main__":
    main()
