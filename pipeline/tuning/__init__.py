"""Hyper-parameter search: which settings a trial has, trials side by side, and what was learnt from them."""
