"""An evaluation: its settings, the records it selects, the results it makes and keeps."""
