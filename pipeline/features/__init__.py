"""Features: planned, fitted on training rows, and computed on the arrays of a batch."""
