"""Hyper-parameter search: trials in parallel, then the best one trained and evaluated."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("search"))
