"""What changed since the prior, and where the draft says so."""
