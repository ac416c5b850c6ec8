"""SQL expressions: parsed by sqlglot, and what is allowed translated into the tree of `schemas/expression.py`."""
