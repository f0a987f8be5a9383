"""Pairs of a prior and a current frontal image, from every source that there is."""
