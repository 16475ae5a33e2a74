"""Importers: structures with their origin, a dataset node and a group."""
