"""Retrieval of similar reports from the hospital's own archive."""
