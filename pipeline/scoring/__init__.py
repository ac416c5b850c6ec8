"""Applies a trained model to raw columns."""
