"""Hyper-parameter search: the settings of trials, trials in parallel, and their results."""
