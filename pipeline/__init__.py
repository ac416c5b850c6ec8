"""From a table in a lake to a trained, tracked and servable Keras model."""
