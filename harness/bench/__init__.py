"""The benchmark: its records, what an answer states, and the causal filter."""
