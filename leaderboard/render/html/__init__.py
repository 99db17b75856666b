"""A board as one HTML page that fetches nothing."""
