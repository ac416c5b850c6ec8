"""A number for each text: its place in an order, or the mean of the label."""
