"""Readers of clinical annotations that several plugins share."""
