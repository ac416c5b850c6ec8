"""Plots as matplotlib figures, made without pyplot and its global state, so that threads may draw side by side."""
