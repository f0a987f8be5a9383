"""Measurements run by hand: `python -m benchmarks.<name>`. Ratios against a named peer in the same run."""
