"""What plugins fulfil, one contract a file."""
