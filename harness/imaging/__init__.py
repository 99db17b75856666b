"""Pixels, frames, maps and boxes; nothing here knows of plugins or runs."""
