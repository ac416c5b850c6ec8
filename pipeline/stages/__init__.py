"""The stages of a job, each a function from a configuration to a typed result."""
