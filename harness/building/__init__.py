"""Making a benchmark anew: edit every finding away, ask the models, keep what the causal filter passes."""
