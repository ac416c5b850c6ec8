"""Source formats, read in pieces by tasks: bytes in, Arrow batches of raw columns out."""
