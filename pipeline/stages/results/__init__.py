"""The results of the jobs, which they print as the last line of standard output."""
