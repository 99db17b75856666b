"""From journals to tables: on the console, and as Markdown."""
