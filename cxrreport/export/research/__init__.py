"""Judged drafts under pseudonyms, for a reader study: a row a finding of a draft, beside what was signed."""
