"""From a published store to tensors: columnar, every row exactly once an epoch, on any number of ranks."""
