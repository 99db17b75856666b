"""Building a benchmark anew: sources -> edits -> answers -> causal filter -> records, report and data set."""
