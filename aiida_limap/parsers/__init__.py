"""Parsers: they read the results of the engine, map them to exit codes and build nodes."""
