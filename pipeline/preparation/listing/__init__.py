"""Finds a source: its files or tables, its format, and a fingerprint of its content."""
