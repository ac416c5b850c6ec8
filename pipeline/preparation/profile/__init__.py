"""Descriptions of a store's rows, and drift of other rows from them."""
