"""What the Spark side and the TensorFlow side agree on: fitted features, the label, tensors, and JSON at rest."""
