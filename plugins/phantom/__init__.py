"""The digital chest phantom: anatomy, findings, rendering."""
