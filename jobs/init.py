"""A first configuration for a file and a label, to be read and edited."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("init"))
