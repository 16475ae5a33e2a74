"""Fixtures of the calculation tests."""

from plugins_aiida import parse, prepare, stand_in_code

__all__ = ['parse', 'prepare', 'stand_in_code']
