"""Fixtures of the calculation tests."""

from plugins_aiida import prepare

__all__ = ['prepare']
