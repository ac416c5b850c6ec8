"""Describes a source before anything is configured: its columns, what is odd in them, and a first configuration."""
