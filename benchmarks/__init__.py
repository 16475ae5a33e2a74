"""Measurements of the force field: speed, agreement with another program, accuracy. See README.md."""
