"""The leak audit: rows, keys, groups and times in several splits, and columns that reveal the label."""
