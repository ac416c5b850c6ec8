"""Reads a source: rows of some columns, as Arrow batches in Spark's tasks."""
