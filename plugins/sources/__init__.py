"""Sources of annotated images."""
