"""Networks, what their outputs mean, and the model that takes raw columns. Keras 3 on TensorFlow."""
