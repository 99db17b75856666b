"""Checking that a run's folder holds what it claims, a part a file."""
