"""What one pass over all rows gives: counts, moments, samples."""
