"""Recording runs: a small interface, a null and an in-memory twin, and MLflow."""
