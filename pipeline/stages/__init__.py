"""The jobs and their stages, each a function from a configuration to a typed result."""
