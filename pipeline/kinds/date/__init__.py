"""Dates taken apart into numbers."""
