"""An evaluation: what a benchmark's records are explained by, from its settings to a finished journal."""
