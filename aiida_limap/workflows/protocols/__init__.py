"""Protocols: sets of inputs that are good together, and how a builder is made from one."""
