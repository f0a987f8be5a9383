"""How good drafts are: language, clinical content, baselines."""
