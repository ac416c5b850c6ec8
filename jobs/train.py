"""Train on a store, which is prepared if it is missing."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("train"))
