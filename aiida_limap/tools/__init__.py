"""Named questions about maps and points, provenance, and batches."""
