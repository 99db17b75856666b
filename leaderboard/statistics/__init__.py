"""Means, intervals, tests and slices of the results."""
