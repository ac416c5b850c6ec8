"""Columns of a batch as Arrow arrays: typed, computed, hashed. Nothing here knows Spark or TensorFlow."""
