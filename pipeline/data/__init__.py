"""From a source to a published store: reading, checking, splitting and writing rows with Spark."""
