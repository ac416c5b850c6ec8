"""Networks, the meaning of their outputs, and the served model that takes raw columns. Keras 3 on TensorFlow."""
