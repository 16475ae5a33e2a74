"""AiiDA groups: collections of structures."""
