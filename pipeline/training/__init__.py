"""Training on one or many processes: Horovod under Keras 3, launched as a Spark barrier stage."""
