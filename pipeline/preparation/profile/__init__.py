"""Profiles of a store's rows, and the drift of other rows from them."""
