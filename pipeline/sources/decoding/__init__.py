"""Decoders of source formats: tasks read pieces of files into Arrow batches of raw columns."""
