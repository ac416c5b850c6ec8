"""Stores and models at rest: layout, manifests and atomic publication, without Spark and TensorFlow."""
