"""The main job: prepare a store, train on it, evaluate the model."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("run"))
