"""Checks the columns of a source and plans its features, splits and folds."""
