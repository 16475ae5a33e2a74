"""Measurements of the force field and of the descriptors. See README.md."""
