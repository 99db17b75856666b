"""The benchmark: its records, and what an answer states."""
