"""Tensors exchanged between the ranks of one host through memory that they share, without Horovod.

`source/` is written in C and knows nothing of Python: `exchange.h` says what it does, `region.h` how. `build.py`
compiles it to one file, `library.py` loads that, and `region.py` brings ranks together.
"""
