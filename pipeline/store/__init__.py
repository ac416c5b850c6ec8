"""Stores and models at rest: layout, manifests, atomic publication. Knows neither Spark nor TensorFlow."""
