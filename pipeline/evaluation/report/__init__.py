"""What an evaluation found, as one document: `evaluation.json`."""
