"""What keeps files of explanations."""
