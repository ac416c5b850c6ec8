"""The id of a text by its hash."""
