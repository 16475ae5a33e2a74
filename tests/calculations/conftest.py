"""Fixtures of the calculation tests."""

from plugins_aiida import prepare, stand_in_code

__all__ = ['prepare', 'stand_in_code']
