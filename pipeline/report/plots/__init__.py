"""Plots as matplotlib figures, made without pyplot and its global state, so that several threads may draw."""
