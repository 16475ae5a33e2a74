"""Places on a map for what has no structure yet: the composition codes of formulas."""
