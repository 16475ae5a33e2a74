"""Enumerations and types shared by all parts of the package."""
