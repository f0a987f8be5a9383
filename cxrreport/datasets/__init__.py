"""Samples for training and evaluation, and who belongs to which split."""
