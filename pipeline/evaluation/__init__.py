"""What a model is worth on rows that it never saw: metrics, plots and a linear model for comparison."""
