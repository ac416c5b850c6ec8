"""Cross-validation: folds side by side, each trained and measured on rows that it never saw."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main("crossval"))
