"""Rows of a batch: typed values, split and folds, and what makes a row unusable."""
