"""The id of the interval that a number falls into."""
