"""How good a model is on rows that it never saw: metrics with intervals, baselines, slices and importance."""
