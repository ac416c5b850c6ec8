"""Features and labels, learned from training rows."""
