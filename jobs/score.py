"""New rows through a trained model, into a folder."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("score"))
