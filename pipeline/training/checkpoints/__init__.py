"""Checkpoints: their format, how and when they are written, and how a run resumes from one."""
