"""Joins of a source with others: columns of the right side are added to the rows of the left one."""
