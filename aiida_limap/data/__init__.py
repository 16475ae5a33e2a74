"""AiiDA data classes: thin, validated and self-describing."""
