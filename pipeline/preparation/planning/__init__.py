"""What is to be done with a source: its columns checked, its features planned."""
