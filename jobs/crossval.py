"""Cross-validation: folds in parallel, each trained, and evaluated on rows that it never saw."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("crossval"))
