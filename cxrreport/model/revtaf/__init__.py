"""What is REVTAF's alone (docs/model.md, REVTAF)."""
