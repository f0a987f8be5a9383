"""Alembic migrations of the cxrreport database."""
