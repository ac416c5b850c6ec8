"""How results look to people: pages, plots, and tables in Markdown."""
