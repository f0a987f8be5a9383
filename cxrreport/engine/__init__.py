"""Where work runs: child processes that can be lost without losing the run."""
