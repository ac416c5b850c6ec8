"""Writes the files of a store, and publishes it."""
