"""Checkpoints: their format, who writes them, when, and how a training goes on from one."""
