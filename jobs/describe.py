"""A page about a file: its columns, their relation to the label, missing values and duplicates."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("describe"))
