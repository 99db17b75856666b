"""What results are measured by."""
