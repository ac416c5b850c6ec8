"""Source formats, a module each, and how their bytes become Arrow batches of raw columns (`decoding`)."""
