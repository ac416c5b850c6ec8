"""What the kinds made of texts have in common: crosses, and several values in a row."""
