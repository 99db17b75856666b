"""Reading the results of runs, and telling which of them may stand on one board."""
