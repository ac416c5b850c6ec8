"""Keras metrics of our own, which load TensorFlow, and so are imported where a metric is built."""
