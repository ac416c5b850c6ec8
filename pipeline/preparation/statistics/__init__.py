"""Collects counts, moments and samples of all rows, in one pass."""
