"""The id of a text by a vocabulary."""
