"""Results for people: pages, plots, and tables in Markdown."""
