"""A board as text for the console, Markdown, CSV, JSON and notebooks."""
