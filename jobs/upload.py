"""Runs and models that earlier jobs could not send to the tracking server."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("upload"))
