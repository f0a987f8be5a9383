"""The jobs: scan, find what is due, prepare, draft, import reports, index. The only folder that sees several others."""
