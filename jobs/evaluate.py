"""All metrics and plots of the trained model on the test split."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("evaluate"))
