"""Applying a trained model to raw columns."""
