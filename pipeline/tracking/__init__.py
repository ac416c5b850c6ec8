"""Tracked runs: a small interface, implemented by MLflow, in memory, and by a tracker that records nothing."""
