"""A number that is filled, clipped, shaped and scaled."""
